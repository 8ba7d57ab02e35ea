#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A terminal that a program has for itself: a screen beside the one that was there, without a cursor, and keys that come at
/// once and are not shown. ``restore()`` gives it back as it was.
struct Terminal: Sendable {
    private let before: termios

    /// Takes the terminal.
    init() {
        var settings = termios()
        tcgetattr(STDIN_FILENO, &settings)
        before = settings
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        LogOutput.standardOutput.write("\u{1b}[?1049h\u{1b}[?25l")
    }

    /// Gives it back.
    func restore() {
        var settings = before
        tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        LogOutput.standardOutput.write("\u{1b}[?25h\u{1b}[?1049l")
    }

    /// How many columns and rows it has.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Whether a key was pressed that ends a program: q, or that nothing comes any more. Does not wait.
    var isLeft: Bool {
        var wish = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        while poll(&wish, 1, 0) > 0 {
            var byte: UInt8 = 0
            let count = read(STDIN_FILENO, &byte, 1)
            if count == 0 || byte == UInt8(ascii: "q") || byte == UInt8(ascii: "Q") { return true }
            guard count > 0 else { return errno != EINTR && errno != EAGAIN }
        }
        return false
    }

    /// Shows these lines and nothing else.
    func show(_ lines: [String]) {
        LogOutput.standardOutput.write(
            "\u{1b}[H" + lines.map { $0 + "\u{1b}[K" }.joined(separator: "\n") + "\u{1b}[J")
    }
}
