//! The rounds, with a script for a program that measures.

use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use tempfile::TempDir;

use super::super::contest::{self, Program};
use super::super::fixture;
use super::*;

/// Writes each call down, and measures `slow` as 300 µs, `short` as 10 ns, others as 100 µs. `fails` fails,
/// `hangs` hangs. `varies` takes half as much again every other time.
const SCRIPT: &str = r#"
case "$1" in
list)
    echo '{"key":"a/1","title":"one","floor":"f","bytes":null,"goal":null,"not_ready":null,
    "contenders":[{"name":"ours","role":"ours"},{"name":"floor","role":"floor"},
    {"name":"fails","role":"peer"}]}' | tr -d '\n'; echo
    echo '{"key":"a/2","title":"two","floor":"f","bytes":null,"goal":null,"not_ready":"no pages",
    "contenders":[{"name":"ours","role":"ours"}]}' | tr -d '\n'; echo
    ;;
run)
    echo "$2 $3 $5" >> "$0.calls"
    case "$3" in
    fails) echo "thread 'main' panicked at src/x.rs:1:2:" >&2; echo 'out of luck' >&2
        echo 'note: run with' >&2; exit 101 ;;
    hangs) echo begun; exec sleep 1000 ;;
    slow) echo '{"ns":600000,"count":2,"notes":["slow"]}' ;;
    varies) n=$(grep -c "$2 varies" "$0.calls"); echo "{\"ns\":$((200000 + n % 2 * 100000)),\"count\":2}" ;;
    short) echo '{"ns":20,"count":2,"notes":[]}' ;;
    *) echo noise >&2; echo '{"ns":200000,"count":2,"notes":[]}' ;;
    esac
    ;;
esac
"#;

/// The script, in a folder of its own.
struct Fake {
    folder: TempDir,
}

impl Fake {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("contest"), SCRIPT).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("contest")
    }

    fn program(&self) -> Program {
        Program::new("sh".as_ref(), &[&self.path()])
    }

    /// A row of these contenders, which the script runs.
    fn row(&self, key: &str, names: &[&str]) -> Row {
        let (mut row, program) = (fixture::row(key, names), Rc::new(self.program()));
        for contender in &mut row.contenders {
            contender.program = Rc::clone(&program);
        }
        row
    }

    /// What was called, in order.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("contest.calls")).unwrap();
        text.lines().map(String::from).collect()
    }
}

fn run(plan: &Plan, rows: &[Row], interrupt: &Interrupt) -> Result<Vec<Vec<Samples>>> {
    plan.run(rows, interrupt, &ProgressBar::hidden())
}

#[test]
fn contenders_of_a_row_follow_each_other_and_begin_in_turn() {
    let fake = Fake::new();
    let rows = [fake.row("a/1", &["ours", "floor", "slow"]), fake.row("a/2", &["ours", "floor"])];
    let plan = Plan::new(2, 5);
    assert_eq!(plan.steps(&rows), 10);
    let all = run(&plan, &rows, &Interrupt::default()).unwrap();
    let first = ["a/1 ours 5", "a/1 floor 5", "a/1 slow 5", "a/2 ours 5", "a/2 floor 5"];
    let second = ["a/1 floor 5", "a/1 slow 5", "a/1 ours 5", "a/2 floor 5", "a/2 ours 5"];
    assert_eq!(fake.calls(), [first, second].concat());
    assert_eq!(all[0][0].rounds, [[1e5], [1e5]]);
    assert_eq!(all[0][2].rounds, [[3e5], [3e5]]);
    assert_eq!(all[0][2].notes, ["slow"]);
}

#[test]
fn what_is_short_takes_turns_in_several_processes() {
    let fake = Fake::new();
    let rows = [fake.row("a/1", &["short", "slow"])];
    let plan = Plan { share: LIMIT, ..Plan::new(2, 5) };
    assert_eq!(plan.steps(&rows), 4);
    let all = run(&plan, &rows, &Interrupt::default()).unwrap();
    let more = "a/1 short 1";
    let first = [&["a/1 short 5", "a/1 slow 5"][..], &[more; PROCESSES - 1]].concat();
    let second = [&["a/1 slow 5"][..], &[more; PROCESSES]].concat();
    assert_eq!(fake.calls(), [first, second].concat());
    assert_eq!(all[0][0].rounds, [[10.0; PROCESSES]; 2]);
    assert_eq!(all[0][1].rounds, [[3e5]; 2]);
}

#[test]
fn what_would_be_left_to_chance_is_measured_in_more_rounds() {
    let fake = Fake::new();
    let mut rows = ["a/1", "a/2"].map(|key| fake.row(key, &["varies", "floor", "peer"]));
    for row in &mut rows {
        row.contenders[0].role = Role::Ours;
    }
    rows[0].goal = Some(Goal::OfFloor(1.2));
    rows[1].goal = Some(Goal::OfFloor(1.6));
    let all = run(&Plan::new(2, 5), &rows, &Interrupt::default()).unwrap();
    let rounds =
        |row: usize| all[row].iter().map(|samples| samples.rounds.len()).collect::<Vec<_>>();
    assert_eq!(rounds(0), [2 * IF_CLOSE, 2 * IF_CLOSE, 2]);
    assert_eq!(rounds(1), [2, 2, 2], "a goal that all ratios reach");
    let further = ["a/1 varies 5", "a/1 floor 5", "a/1 floor 5", "a/1 varies 5"];
    assert_eq!(fake.calls()[2 * 6..], further, "they begin in turn");
    rows[0].goal = Some(Goal::OfPeer(0.9));
    let all = run(&Plan::new(2, 5), &rows[..1], &Interrupt::default()).unwrap();
    assert_eq!(all[0].iter().map(|samples| samples.rounds.len()).collect::<Vec<_>>(), [4, 2, 4]);
}

#[test]
fn what_is_short_and_begins_late_has_one_process() {
    let fake = Fake::new();
    let rows = [fake.row("a/1", &["short"])];
    let plan = Plan { share: Duration::ZERO, ..Plan::new(2, 5) };
    let all = run(&plan, &rows, &Interrupt::default()).unwrap();
    assert_eq!(fake.calls(), ["a/1 short 5", "a/1 short 1"]);
    assert_eq!(all[0][0].rounds, [[10.0]; 2]);
}

#[test]
fn a_contender_that_fails_is_asked_once_and_stops_nobody() {
    let fake = Fake::new();
    let rows = contest::rows(&Rc::new(fake.program())).unwrap();
    let all = run(&Plan::new(3, 5), &rows, &Interrupt::default()).unwrap();
    assert_eq!(all[0][1].rounds.len(), 3);
    let failed = &all[0][2];
    assert_eq!(failed.error.as_deref(), Some("exit status: 101: out of luck"));
    assert!(failed.rounds.is_empty());
    assert_eq!(fake.calls().iter().filter(|call| call.contains("fails")).count(), 1);
    assert_eq!(all[1], [Samples::default()], "a row that is not ready");
}

#[test]
fn a_contender_that_hangs_is_ended() {
    let fake = Fake::new();
    let rows = [fake.row("a/1", &["hangs", "ours"])];
    let plan = Plan { limit: Duration::from_millis(200), ..Plan::new(1, 5) };
    let all = run(&plan, &rows, &Interrupt::default()).unwrap();
    let error = all[0][0].error.as_deref().unwrap();
    assert!(error.starts_with("hangs, ended after 0 s"), "{error}");
    assert_eq!(all[0][1].rounds, [[1e5]]);
}

#[test]
fn an_interrupt_lets_a_measurement_end_and_nothing_follow() {
    let fake = Fake::new();
    let interrupt = Interrupt::default();
    interrupt.raise();
    let rows = [fake.row("a/1", &["ours", "floor"])];
    let error = run(&Plan::new(2, 5), &rows, &interrupt).unwrap_err();
    assert!(error.to_string().starts_with("interrupted"), "{error}");
    assert_eq!(fake.calls(), ["a/1 ours 5"]);
}

#[test]
fn a_second_interrupt_ends_the_measurement() {
    let fake = Fake::new();
    let interrupt = Interrupt::default();
    interrupt.raise();
    interrupt.raise();
    let rows = [fake.row("a/1", &["hangs"])];
    assert!(run(&Plan::new(1, 5), &rows, &interrupt).is_err());
}
