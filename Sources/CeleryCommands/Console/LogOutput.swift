internal import CeleryIO

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Where lines go.
struct LogOutput: Sendable {
    /// Writes whole lines. What several threads write is not mixed.
    let write: @Sendable (String) -> Void

    static let standardOutput = LogOutput(descriptor: STDOUT_FILENO)
    static let standardError = LogOutput(descriptor: STDERR_FILENO)

    init(write: @escaping @Sendable (String) -> Void) { self.write = write }

    private init(descriptor: Int32) {
        let turn = Turn()
        write = { text in turn.lock.withLock { _ in Self.write(text, descriptor) } }
    }

    private final class Turn: Sendable {
        let lock = Locked(())
    }

    /// In one system call, unless whoever reads takes less at a time.
    private static func write(_ text: String, _ descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while let start = rest.baseAddress, !rest.isEmpty {
                #if canImport(Glibc)
                let count = Glibc.write(descriptor, start, rest.count)
                #else
                let count = Darwin.write(descriptor, start, rest.count)
                #endif
                if count > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                } else if errno == EAGAIN {
                    var wish = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    guard poll(&wish, 1, -1) >= 0 || errno == EINTR else { return }
                } else if errno != EINTR {
                    // Nobody reads it, and there is no other place to say so.
                    return
                }
            }
        }
    }
}
