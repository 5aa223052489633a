//! The layouts, to the character.

mod common;

use report::text::{self, Table};
use report::{BoardState, BoardStates, Outcome, Status, Verdict, yaml};
use saphyr::{LoadableYamlNode, Yaml};

#[test]
fn brief_table() {
    let mut found = String::new();
    text::metrics(&common::document(), Table::Brief, &mut found).unwrap();
    assert_eq!(
        found,
        "\
zlab: metrc: [0] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s
zlab: metrc: [0]                           (secs)    (secs)    (secs)   (real time) (usr+sys time)
zlab: metrc: [0] vm                92160      3.04      1.39      0.05     30315.79       64000.00
zlab: metrc: [0] zswap              1000      3.04      0.69      0.03       328.95        1388.89
"
    );
}

#[test]
fn results_of_a_success() {
    let mut found = String::new();
    text::results(&common::document(), Table::Full, &mut found).unwrap();
    let expected = include_str!("snapshots/success.txt");
    assert_eq!(found, expected, "\n{found}");
}

#[test]
fn results_of_a_failure() {
    let mut document = common::document();
    let instances = &mut document.stressors[0].instances;
    instances[1].outcome = Outcome::Failed;
    document.stressors[1].instances[0].outcome = Outcome::NoData;
    document.verdict = Verdict::of(Status::Failed);
    document.elapsed_ns = 3_661_000_000_000;
    let mut found = String::new();
    text::results(&document, Table::Off, &mut found).unwrap();
    assert_eq!(
        found,
        "\
zlab: error: [0] vm: terminated with an error, exit status=2 (a stressor failed)
zlab: error: [0] zswap: terminated with an error, exit status=7 (no data: nothing was completed)
zlab: info:  [0] skipped: 0
zlab: info:  [0] passed: 1: vm (1)
zlab: info:  [0] failed: 1: vm (1)
zlab: info:  [0] metrics untrustworthy: 1: zswap (1)
zlab: info:  [0] unsuccessful run completed in 1 hour, 1 min, 1.00 sec
"
    );
    assert_eq!(document.outcome(), Outcome::Failed);
    assert_eq!(document.verdict.to_string(), "2 a stressor failed");
}

#[test]
fn yaml_of_a_success() {
    let mut found = String::new();
    yaml::write(&common::document(), &[("hostname", "it's")], &mut found).unwrap();
    let expected = include_str!("snapshots/success.yaml");
    assert_eq!(found, expected, "\n{found}");
}

/// What another reader of YAML finds in it, under the keys of stress-ng.
#[test]
fn yaml_is_read_by_others() {
    let document = common::document();
    let mut text = String::new();
    yaml::write(&document, &[("hostname", "it's: #1")], &mut text).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let [yaml] = &documents[..] else { panic!("{} documents", documents.len()) };
    for key in ["system-info", "metrics", "thermal-zones", "times"] {
        assert!(yaml.contains_mapping_key(key), "{key}");
    }
    assert_eq!(yaml["system-info"]["hostname"].as_str(), Some("it's: #1"));
    assert_eq!(yaml["system-info"]["command"].as_str(), Some(&*document.settings.command));
    assert_eq!(yaml["system-info"]["pagesize"].as_integer(), Some(4096));
    let stressors = yaml["metrics"].as_sequence().unwrap();
    assert_eq!(stressors.len(), document.stressors.len());
    for (found, stressor) in stressors.iter().zip(&document.stressors) {
        assert_eq!(found["stressor"].as_str(), Some(&*stressor.name));
        assert_eq!(found["bogo-ops"].as_integer(), Some(stressor.bogo_ops() as i64));
        assert_eq!(found["max-rss"].as_integer(), Some(35_692));
        for key in [
            "bogo-ops-per-second-usr-sys-time",
            "bogo-ops-per-second-real-time",
            "wall-clock-time",
            "user-time",
            "system-time",
            "cpu-usage-per-instance",
        ] {
            assert!(found[key].as_floating_point().is_some(), "{key} in {found:?}");
        }
        let instances = found["instances"].as_sequence().unwrap();
        assert_eq!(instances.len(), stressor.instances.len());
        for (number, instance) in instances.iter().enumerate() {
            assert_eq!(instance["instance"].as_integer(), Some(number as i64));
            assert!(instance["wall-clock-time"].as_floating_point().is_some());
        }
    }
    let times = &yaml["times"];
    for key in ["run-time", "available-cpu-time", "user-time", "system-time", "total-time"] {
        assert!(times[key].as_floating_point().is_some(), "{key} in {times:?}");
    }
}

#[test]
fn percentiles_are_upper_ends_of_buckets() {
    let histogram = &common::document().latencies[0];
    let percentiles = [0, 500, 501, 750, 751, 1000].map(|p| histogram.percentile_ns(p));
    assert_eq!(percentiles, [1023, 1023, 3007, 3007, 5000, 5000]);
}

#[test]
fn nothing_is_divided_by_zero() {
    let mut document = common::document();
    document.stressors[0].instances.clear();
    document.memory.pool = Some(Default::default());
    let stressor = &document.stressors[0];
    assert_eq!(stressor.rate_real(), 0.0);
    assert_eq!(stressor.rate_cpu(), 0.0);
    assert_eq!(stressor.cpu_percent(), 0.0);
    assert_eq!(stressor.outcome(), Outcome::NoData);
    assert_eq!(document.memory.pool.unwrap().density(4096), 0.0);
}

#[test]
fn board_before_and_after() {
    let state = |temperature_millicelsius, throttled| BoardState {
        clock_hz: Some(2_400_000_000),
        temperature_millicelsius: Some(temperature_millicelsius),
        throttled: Some(throttled),
        ..BoardState::default()
    };
    let states = BoardStates { before: state(45_000, 0), after: state(61_500, 0x5_0000) };
    let mut found = String::new();
    text::board(&states, &mut found).unwrap();
    assert_eq!(
        found,
        "\
zlab: metrc: [0] board:                            before           after
zlab: metrc: [0] clock_hz                      2400000000      2400000000
zlab: metrc: [0] clock_measured_hz                unknown         unknown
zlab: metrc: [0] clock_max_hz                     unknown         unknown
zlab: metrc: [0] temperature_millicelsius           45000           61500
zlab: metrc: [0] throttled                              0          327680
zlab: warning: the board was throttled or short of voltage: these figures are not its best
"
    );
    let document = report::Document { board: Some(states), ..common::document() };
    let mut found = String::new();
    yaml::write(&document, &[], &mut found).unwrap();
    let expected = "
      after:
          clock_hz: 2400000000
          clock_measured_hz: null
          clock_max_hz: null
          temperature_millicelsius: 61500
          throttled: 327680
thermal-zones:";
    assert!(found.contains(expected), "{found}");
}
