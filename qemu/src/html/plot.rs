//! Plots as SVG, in two widths, with the colours of the page they are in.

use std::ops::Range;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A curve.
pub struct Curve {
    /// Which colour: the same number is the same colour everywhere on a page.
    pub colour: usize,
    /// Drawn with gaps.
    pub dashed: bool,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A plot and its axes.
pub struct Plot<'a> {
    /// Said where the plot cannot be seen.
    pub description: String,
    /// What the horizontal axis counts.
    pub across: &'a str,
    /// What the vertical axis counts.
    pub up: &'a str,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// How many colours there are for curves.
pub const COLOURS: usize = 8;

/// Width, height and size of letters, in pixels.
type Size = (u32, u32, f64);

const WIDE: Size = (740, 400, 15.0);
const NARROW: Size = (360, 320, 12.0);

/// Stand-ins: plotters writes colours as numbers, the page replaces them by names.
const INK: RGBColor = RGBColor(0xF1, 0x00, 0x01);
const GRID: RGBColor = RGBColor(0xF1, 0x00, 0x02);
const SOLID: u8 = 0xF2;
const DASHED: u8 = 0xF3;

impl Plot<'_> {
    /// How rare long durations are: the share of samples above each duration, both axes
    /// logarithmic. A curve that ends further left and lower is better.
    pub fn tail(&self) -> Result<String> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let (low, high) = extent(points().map(|point| point.0)).unwrap_or((1.0, 10.0));
        let (floor, _) = extent(points().map(|point| point.1)).unwrap_or((0.1, 1.0));
        let (low, high) = (low.max(1.0), high.max(low + 1.0));
        // Curves that all end close to each other still have some room.
        let across = round_down(low.min(high / 4.0).max(0.5))..round_up(high);
        let up = floor * 0.7..1.0;
        let ticks = Ticks {
            across: rounds(&across).into_iter().map(|at| (at, short(at))).collect(),
            up: decades(&up).into_iter().map(|at| (at, share(at))).collect(),
            names: false,
        };
        self.in_both_sizes(|area, size| {
            self.draw(area, size, across.clone().log_scale(), up.clone().log_scale(), &ticks)
        })
    }

    /// What changes with time: the horizontal axis has the steps, from 0 on, each one wide; the
    /// vertical one is logarithmic up to 1.
    pub fn course(&self, steps: &[&str]) -> Result<String> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let (least, _) = extent(points().map(|point| point.1)).unwrap_or((0.1, 1.0));
        let up = round_down(least * 0.9)..1.0;
        let ticks = Ticks {
            across: (0..).map(f64::from).zip(steps.iter().map(|&step| step.to_owned())).collect(),
            up: rounds(&up).into_iter().map(|at| (at, share(at))).collect(),
            names: true,
        };
        let end = steps.len().max(1) as f64;
        self.in_both_sizes(|area, size| {
            self.draw(area, size, 0.0..end, up.clone().log_scale(), &ticks)
        })
    }

    fn in_both_sizes(
        &self,
        draw: impl Fn(&DrawingArea<SVGBackend<'_>, Shift>, Size) -> Result<()>,
    ) -> Result<String> {
        let mut html = String::from("<div class=\"plot\">");
        for (class, size) in [("wide", WIDE), ("narrow", NARROW)] {
            let mut svg = String::new();
            {
                let area = SVGBackend::with_string(&mut svg, (size.0, size.1)).into_drawing_area();
                draw(&area, size)?;
                area.present().map_err(|error| anyhow!("cannot draw: {error}"))?;
            }
            html += &themed(&svg, class, &self.description);
        }
        Ok(html + "</div>\n")
    }

    fn draw<X, Y>(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        (_, _, letters): Size,
        across: X,
        up: Y,
        ticks: &Ticks,
    ) -> Result<()>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let failed = |error: String| anyhow!("cannot draw: {error}");
        let style = ("sans-serif", letters).into_font().color(&INK);
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .margin_right(18)
            .x_label_area_size(letters * 3.0)
            .y_label_area_size(letters * 4.4)
            .build_cartesian_2d(across, up)
            .map_err(|error| failed(error.to_string()))?;
        // Lines and labels are drawn below, where a reader expects them on logarithmic axes.
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(TRANSPARENT)
            .axis_style(INK)
            .axis_desc_style(style)
            .set_all_tick_mark_size(0)
            .x_label_formatter(&|_| String::new())
            .y_label_formatter(&|_| String::new())
            .x_desc(self.across)
            .y_desc(self.up)
            .draw()
            .map_err(|error| failed(error.to_string()))?;
        let (left, right) = ends(chart.as_coord_spec().get_x_range());
        let (bottom, top) = ends(chart.as_coord_spec().get_y_range());
        let mut line = |from, to| {
            chart
                .draw_series([PathElement::new(vec![from, to], GRID)])
                .map(drop)
                .map_err(|error| failed(error.to_string()))
        };
        for &(at, _) in &ticks.across {
            line((at, bottom), (at, top))?;
        }
        for &(at, _) in &ticks.up {
            line((left, at), (right, at))?;
        }
        let small = letters * if ticks.names { 0.84 } else { 0.92 };
        let label = |text: &str, (x, y): (i32, i32), anchor: Pos| {
            let style = ("sans-serif", small).into_font().color(&INK).pos(anchor);
            area.draw(&Text::new(text.to_owned(), (x, y), style))
                .map_err(|error| failed(error.to_string()))
        };
        for (at, text) in &ticks.across {
            let at = if ticks.names { at + 0.5 } else { *at };
            let (x, y) = chart.backend_coord(&(at, bottom));
            label(text, (x, y + 5), Pos::new(HPos::Center, VPos::Top))?;
        }
        for (at, text) in &ticks.up {
            let (x, y) = chart.backend_coord(&(left, *at));
            label(text, (x - 5, y), Pos::new(HPos::Right, VPos::Center))?;
        }
        for curve in &self.curves {
            let kind = if curve.dashed { DASHED } else { SOLID };
            let colour = RGBColor(kind, 0, (curve.colour % COLOURS) as u8);
            chart
                .draw_series(LineSeries::new(curve.points.clone(), colour.stroke_width(2)))
                .map_err(|error| failed(error.to_string()))?;
        }
        Ok(())
    }
}

/// Where the lines of the axes are, and what stands there.
struct Ticks {
    across: Vec<(f64, String)>,
    up: Vec<(f64, String)>,
    /// Across are names of what is to the right of each line.
    names: bool,
}

/// The ends of an axis, the lower first.
fn ends(range: Range<f64>) -> (f64, f64) {
    (range.start.min(range.end), range.start.max(range.end))
}

/// The corners of the curve "share of samples above a duration", for samples in buckets of
/// smallest and largest duration and count.
pub fn tail_of(
    buckets: impl Iterator<Item = (u64, u64, u64)> + Clone,
    max: u64,
) -> Vec<(f64, f64)> {
    let total: u64 = buckets.clone().map(|(_, _, count)| count).sum();
    let mut left = total;
    let mut points = Vec::new();
    let part = |count: u64| count as f64 / total as f64;
    for (low, high, count) in buckets {
        if points.is_empty() {
            points.push((low.max(1) as f64, 1.0));
        }
        let end = high.min(max).max(1) as f64;
        points.push((end, part(left)));
        left = left.saturating_sub(count);
        // The largest sample has none above it; its step ends where one sample would be halved.
        points.push((end, if left == 0 { 0.5 / total as f64 } else { part(left) }));
    }
    points
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent, value| match extent {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// The largest of ..., 0.1, 0.2, 0.5, 1, 2, 5, 10, ... that is no larger.
fn round_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let first = [5.0, 2.0].into_iter().find(|first| first * power <= value * 1.000_001);
    first.unwrap_or(1.0) * power
}

/// The smallest of ..., 0.1, 0.2, 0.5, 1, 2, 5, 10, ... that is no smaller.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let first = [1.0, 2.0, 5.0].into_iter().find(|first| first * power >= value * 0.999_999);
    first.unwrap_or(10.0) * power
}

/// Powers of ten within a range.
fn decades(range: &Range<f64>) -> Vec<f64> {
    let first = range.start.log10().ceil() as i32;
    let powers = (first..).map(|power| 10_f64.powi(power));
    powers.take_while(|power| *power <= range.end * 1.000_001).collect()
}

/// Where to draw lines on a logarithmic axis: at 1, 2 and 5 of each decade, or only at 1 where
/// there are many.
fn rounds(range: &Range<f64>) -> Vec<f64> {
    const MOST_DECADES: f64 = 3.2;
    if range.end / range.start > 10_f64.powf(MOST_DECADES) {
        return decades(range);
    }
    let within = |value: &f64| (range.start * 0.999_999..=range.end * 1.000_001).contains(value);
    let first = range.start.log10().floor() as i32;
    let powers = (first..).map(|power| 10_f64.powi(power));
    let powers = powers.take_while(|power| *power <= range.end * 1.000_001);
    powers.flat_map(|power| [1.0, 2.0, 5.0].map(|first| first * power)).filter(within).collect()
}

/// A number in few characters: 1, 20, 3k, 4M.
fn short(value: f64) -> String {
    let (scaled, unit) = match value {
        1e9.. => (value / 1e9, "G"),
        1e6.. => (value / 1e6, "M"),
        1e3.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// A share of all samples.
fn share(value: f64) -> String {
    let percent = value * 100.0;
    let text = format!("{percent:.5}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `svg` for the page: named colours, a class, words for those who do not see it.
fn themed(svg: &str, class: &str, description: &str) -> String {
    let mut svg = svg.replace("#F10001", "var(--ink)").replace("#F10002", "var(--grid)");
    for colour in 0..COLOURS {
        svg = svg.replace(&format!("#F2000{colour}"), &format!("var(--c{colour})")).replace(
            &format!("\"#F3000{colour}\""),
            &format!("\"var(--c{colour})\" stroke-dasharray=\"5 4\""),
        );
    }
    let description = super::escaped(description);
    svg.replacen(
        "<svg ",
        &format!("<svg class=\"{class}\" role=\"img\" aria-label=\"{description}\" "),
        1,
    )
}
