//! What the workers were good for, in words.

use std::time::Duration;

/// Work of one process that is not worth sharing out: waking the workers takes as long.
const TOO_LITTLE: Duration = Duration::from_millis(100);

/// What the workers were good for.
pub(crate) fn verdict(alone: Duration, together: Duration) -> String {
    if alone < together && alone < TOO_LITTLE {
        return "too little work to share out: try --scale 10".into();
    }
    format!("{:.2} times as fast", alone.as_secs_f64() / together.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_work_is_no_failure_of_the_workers() {
        let verdict = |alone, together| {
            verdict(Duration::from_millis(alone), Duration::from_millis(together))
        };
        assert_eq!(verdict(1, 5), "too little work to share out: try --scale 10");
        assert_eq!(verdict(10, 5), "2.00 times as fast");
        assert_eq!(verdict(400, 800), "0.50 times as fast");
    }
}
