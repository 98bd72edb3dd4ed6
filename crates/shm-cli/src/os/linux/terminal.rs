//! The terminal: how large it is, and what comes from it while a table is redrawn.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::low_level::{emulate_default_handler, pipe};

/// Another screen, without a cursor, and the way back. See `console_codes(4)` and xterm's
/// `ctlseqs`, private modes 1049 and 25.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";

/// Columns and rows of the terminal that standard output is, as far as it tells. See `ioctl_tty(2)`.
pub(crate) fn terminal_size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    let is_known = size.ws_col > 0 && size.ws_row > 0;
    is_known.then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// An event that ends a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Nothing, for so long.
    Nothing,
    /// Somebody has typed this.
    Typed(Vec<u8>),
    /// The terminal has another size, or shows something else by now.
    Changed,
    /// A signal has come that ends this process.
    Ended(i32),
    /// Nobody can read standard output any more.
    Unread,
}

/// A screen of its own and keys without line ends, if this is a terminal. Dropping it gives the
/// terminal back as it was.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// How standard input was, if keys are read from it.
    was: Option<Termios>,
    /// Whether standard output shows another screen.
    has_screen: bool,
    /// The last signal that ends or stops this process.
    signal: Arc<AtomicUsize>,
    /// Becomes readable with each signal; the waker is kept, since its end would be readable too.
    woken: UnixStream,
    waker: UnixStream,
}

impl Terminal {
    /// Takes the terminal, if `is_redrawn`; otherwise only looks whether the reader goes.
    ///
    /// # Errors
    /// Those of the system calls.
    pub(crate) fn new(is_redrawn: bool) -> io::Result<Self> {
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let signal = Arc::new(AtomicUsize::new(0));
        let mut terminal = Self { was: None, has_screen: false, signal, woken, waker };
        if is_redrawn {
            terminal.catch()?;
            terminal.enter()?;
        }
        Ok(terminal)
    }

    /// Has signals wake [`wait`](Self::wait).
    fn catch(&self) -> io::Result<()> {
        for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP] {
            let value = usize::try_from(number).unwrap_or(0);
            signal_hook::flag::register_usize(number, Arc::clone(&self.signal), value)?;
            pipe::register(number, self.waker.try_clone()?)?;
        }
        pipe::register(SIGWINCH, self.waker.try_clone()?)?;
        Ok(())
    }

    /// Shows the other screen, and reads keys where standard input is a terminal.
    fn enter(&mut self) -> io::Result<()> {
        let stdin = io::stdin();
        if stdin.is_terminal() {
            let was = tcgetattr(&stdin)?;
            let mut keys = was.clone();
            keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            tcsetattr(&stdin, OptionalActions::Now, &keys)?;
            self.was = Some(was);
        }
        write(ENTER)?;
        self.has_screen = true;
        Ok(())
    }

    /// Gives the terminal back.
    pub(crate) fn leave(&mut self) -> io::Result<()> {
        let has_screen = std::mem::take(&mut self.has_screen);
        let shown = if has_screen { write(LEAVE) } else { Ok(()) };
        if let Some(was) = self.was.take() {
            tcsetattr(io::stdin(), OptionalActions::Now, &was)?;
        }
        shown
    }

    /// Whether somebody can type here.
    pub(crate) fn has_keys(&self) -> bool {
        self.was.is_some()
    }

    /// Waits for an event, and at most so long. See `poll(2)`.
    ///
    /// # Errors
    /// Those of the system calls.
    pub(crate) fn wait(&mut self, time: Duration) -> anyhow::Result<Event> {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        let mut events = vec![
            PollFd::new(&stdout, PollFlags::empty()),
            PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN),
        ];
        if self.has_keys() {
            events.push(PollFd::new(&stdin, PollFlags::IN));
        }
        match poll(&mut events, Some(&Timespec::try_from(time)?)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let is_ready = |at: usize| events.get(at).is_some_and(|event| !event.revents().is_empty());
        let (is_unread, has_keys) = (is_ready(0), is_ready(2));
        drop(events);
        // A byte for each signal, also if `poll` was interrupted by it; which one stands beside it, if
        // it is not SIGWINCH.
        let mut is_woken = false;
        while matches!(self.woken.read(&mut [0; 64]), Ok(1..)) {
            is_woken = true;
        }
        let signal = i32::try_from(self.signal.swap(0, Relaxed)).unwrap_or(0);
        match signal {
            0 if is_unread => Ok(Event::Unread),
            0 if has_keys => self.typed(),
            0 if is_woken => Ok(Event::Changed),
            0 => Ok(Event::Nothing),
            SIGTSTP => {
                self.leave()?;
                emulate_default_handler(SIGTSTP)?; // stops, until somebody lets it go on
                self.enter()?;
                Ok(Event::Changed)
            }
            signal => Ok(Event::Ended(signal)),
        }
    }

    fn typed(&mut self) -> anyhow::Result<Event> {
        let mut keys = [0; 64];
        match rustix::io::read(io::stdin(), &mut keys) {
            // The terminal has gone.
            Ok(0) | Err(Errno::IO) => Ok(Event::Unread),
            Ok(len) => Ok(Event::Typed(keys.get(..len).unwrap_or_default().to_vec())),
            Err(Errno::INTR | Errno::AGAIN) => Ok(Event::Nothing),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Ends this process as that signal does where nobody catches it.
    pub(crate) fn end_by(&mut self, signal: i32) -> io::Result<()> {
        self.leave()?;
        emulate_default_handler(signal)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.leave(); // a terminal that has gone needs nothing back
    }
}

fn write(sequence: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(sequence)?;
    stdout.flush()
}
