//! Plots as SVG, in two widths, with the colours of the page they are in.

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
const MUTED: RGBColor = RGBColor(0xF1, 0x00, 0x03);
const SOLID: u8 = 0xF2;
const DASHED: u8 = 0xF3;

impl Plot<'_> {
    /// How rare long durations are: the share of samples above each duration, both axes
    /// logarithmic. A curve that ends further left and lower is better.
    pub fn tail(&self) -> Result<String> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let (low, high) = extent(points().map(|point| point.0)).unwrap_or((1.0, 10.0));
        let (floor, _) = extent(points().map(|point| point.1)).unwrap_or((0.1, 1.0));
        let across = decade(low.max(1.0), f64::floor)..decade(high.max(low + 1.0), f64::ceil);
        let up = floor * 0.7..1.0;
        self.in_both_sizes(|area, size| {
            self.draw(area, size, across.clone().log_scale(), up.clone().log_scale(), &[])
        })
    }

    /// What changes with time: the horizontal axis is linear, the vertical one logarithmic up to 1.
    /// `marks` are moments with a name.
    pub fn course(&self, marks: &[(f64, &str)]) -> Result<String> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let (_, end) = extent(points().map(|point| point.0)).unwrap_or((0.0, 1.0));
        let (least, _) = extent(points().map(|point| point.1)).unwrap_or((0.1, 1.0));
        self.in_both_sizes(|area, size| {
            self.draw(
                area,
                size,
                0.0..end.max(1.0),
                (decade(least, f64::floor)..1.0).log_scale(),
                marks,
            )
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
        (width, _, letters): Size,
        across: X,
        up: Y,
        marks: &[(f64, &str)],
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
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(INK)
            .label_style(style.clone())
            .axis_desc_style(style)
            .x_labels(if width > 500 { 10 } else { 5 })
            .x_label_formatter(&|value| short(*value))
            .y_label_formatter(&|value| share(*value))
            .x_desc(self.across)
            .y_desc(self.up)
            .draw()
            .map_err(|error| failed(error.to_string()))?;
        for (number, (at, name)) in marks.iter().enumerate() {
            // Names of moments that are close to each other stand one below the other.
            let height = 0.98 * 0.8_f64.powi(number as i32);
            let bottom = chart.as_coord_spec().get_y_range().start;
            let line = PathElement::new(vec![(*at, bottom), (*at, 1.0)], GRID);
            chart.draw_series([line]).map_err(|error| failed(error.to_string()))?;
            let anchor = Pos::new(HPos::Right, VPos::Top);
            let style = ("sans-serif", letters * 0.9).into_font().color(&MUTED).pos(anchor);
            chart
                .draw_series([Text::new((*name).to_owned(), (*at, height), style)])
                .map_err(|error| failed(error.to_string()))?;
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

/// The power of ten beside `value`.
fn decade(value: f64, round: fn(f64) -> f64) -> f64 {
    10_f64.powf(round(value.log10()))
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
    let mut svg = svg
        .replace("#F10001", "var(--ink)")
        .replace("#F10002", "var(--grid)")
        .replace("#F10003", "var(--muted)");
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
