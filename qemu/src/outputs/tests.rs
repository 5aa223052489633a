use super::*;
use report::{
    InstanceResult, MachineDescription, Outcome, Settings, Snapshot, Status, StressorResult,
    Verdict,
};

fn document() -> Document {
    let instance = InstanceResult {
        outcome: Outcome::Passed,
        bogo_ops: 500,
        real_ns: 2_000_000_000,
        user_ns: 1_000_000_000,
        system_ns: 250_000_000,
        checks: 500,
        verify_errors: 0,
        resident_max_bytes: 1 << 20,
    };
    Document {
        version: "0.1.0".into(),
        machine: MachineDescription { board: "virt".into(), cpus: 2, ..Default::default() },
        settings: Settings { command: "--vm 1".into(), ..Default::default() },
        elapsed_ns: 2_100_000_000,
        stressors: vec![StressorResult {
            name: "vm".into(),
            method: None,
            bytes: 4 << 20,
            metrics: Vec::new(),
            instances: vec![instance],
        }],
        memory: Snapshot::default(),
        latencies: Vec::new(),
        latency: None,
        comparison: None,
        bounds: None,
        board: None,
        runs: Vec::new(),
        verdict: Verdict::of(Status::Success),
    }
}

fn host() -> Host {
    Host { date: "2026-11-22T10:29:11Z".into(), name: "vm's".into() }
}

/// The lines of `text` between two lines, without them.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    let lines = text.lines().skip_while(|line| *line != begin).skip(1);
    lines.take_while(|line| *line != end).collect()
}

#[test]
fn yaml_has_the_host_in_stress_ngs_keys() {
    let text = yaml(&document(), Some(&host())).unwrap();
    let system_info = between(&text, "system-info:", "metrics:");
    assert_eq!(
        system_info[system_info.len() - 3..],
        [
            "      date-yyyy-mm-dd: '2026:11:22'",
            "      time-hh-mm-ss: '10:29:11'",
            "      hostname: 'vm''s'",
        ]
    );
    assert!(text.starts_with("---\n") && text.ends_with("\n...\n"));
    let rates = between(&text, "    - stressor: vm", "      wall-clock-time: 2.000000");
    let expected = [
        "      bogo-ops: 500",
        "      bogo-ops-per-second-usr-sys-time: 400.000000",
        "      bogo-ops-per-second-real-time: 250.000000",
    ];
    assert_eq!(rates, expected);
}

#[test]
fn json_is_the_document_and_the_host() {
    let text = json(&document(), Some(&host())).unwrap();
    assert!(text.starts_with("{\n  \"host\": {\n    \"date\": \"2026-11-22T10:29:11Z\",\n"));
    assert_eq!(Document::from_json(&text).unwrap(), document());
}

#[test]
fn under_icount_nothing_is_the_hosts() {
    let folder = std::env::temp_dir().join(format!("zlab-outputs-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let [yaml, json, html] =
        ["yaml", "json", "html"].map(|end| Some(folder.join("out.").with_extension(end)));
    let outputs = Outputs { yaml, json, html, ..Outputs::default() };
    let report = serde_json::to_string(&document()).unwrap();
    outputs.check().unwrap();
    outputs.write(Some(&report), true).unwrap();
    let yaml = fs::read_to_string(folder.join("out.yaml")).unwrap();
    let json = fs::read_to_string(folder.join("out.json")).unwrap();
    assert!(!yaml.contains("hostname") && !yaml.contains("date") && !json.contains("\"host\""));
    let html = fs::read_to_string(folder.join("out.html")).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains(&document().version), "{html}");
    outputs.write(Some(&report), false).unwrap();
    assert!(fs::read_to_string(folder.join("out.yaml")).unwrap().contains("hostname: "));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn missing_report_and_folder_are_errors() {
    let outputs = Outputs { yaml: Some("/nonexistent/out.yaml".into()), ..Outputs::default() };
    assert_eq!(crate::status::of(&outputs.check().unwrap_err()), crate::status::USAGE);
    assert!(outputs.write(None, false).is_err());
    Outputs::default().write(None, false).unwrap();
}
