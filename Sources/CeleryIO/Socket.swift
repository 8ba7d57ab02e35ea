#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A connected, non-blocking stream socket, closed when the value goes away.
package struct Socket: ~Copyable {
    /// The system's number for a socket of this kind.
    #if canImport(Glibc)
    package static let streamType = Int32(SOCK_STREAM.rawValue)
    #else
    package static let streamType = SOCK_STREAM
    #endif

    package let descriptor: Int32

    /// Takes over a connected descriptor and makes it non-blocking; one half of a `socketpair` in tests.
    package init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        Self.configure(descriptor)
    }

    deinit { close(descriptor) }

    /// What a read or a write came to.
    package enum Outcome: Sendable, Equatable {
        /// So many bytes went through.
        case bytes(Int)
        /// Nothing at the moment; wait until the socket is ready.
        case wouldBlock
        /// The peer has closed its side.
        case endOfStream
    }

    /// Connects over TCP, trying each address of `host` in turn. Blocks its thread, name resolution included, the
    /// connecting itself for at most `timeout`.
    package static func connect(host: String, port: Int, timeout: Duration) throws(IOError) -> Socket {
        var hints = addrinfo()
        hints.ai_socktype = streamType
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else {
            throw IOError(.unknownHost, "cannot resolve \(host): \(String(cString: gai_strerror(status)))")
        }
        defer { freeaddrinfo(list) }
        let deadline = ContinuousClock.now + timeout
        var lastError = IOError(.connectionFailed, "\(host) has no address")
        var next = list
        var left = 0
        while let info = next {
            left += 1
            next = info.pointee.ai_next
        }
        next = list
        while let info = next {
            let address = info.pointee
            // An address that does not answer must leave time for the others.
            let now = ContinuousClock.now
            let share = now + Self.share(of: now.duration(to: deadline), among: left)
            left -= 1
            do throws(IOError) {
                return try connect(
                    family: address.ai_family,
                    address: address.ai_addr,
                    length: address.ai_addrlen,
                    deadline: share,
                    name: "\(host):\(port)"
                )
            } catch {
                lastError = error
            }
            next = address.ai_next
        }
        throw lastError
    }

    /// The time for the next of so many addresses.
    package static func share(of time: Duration, among count: Int) -> Duration { max(time, .zero) / max(count, 1) }

    /// Connects to a Unix-domain socket.
    package static func connect(path: String, timeout: Duration) throws(IOError) -> Socket {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else {
            throw IOError(.invalidURL, "the socket path \(path) is longer than \(capacity - 1) bytes")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let deadline = ContinuousClock.now + timeout
        let result: Result<Int32, IOError> = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Result { () throws(IOError) -> Int32 in
                    let socket = try connect(
                        family: AF_UNIX,
                        address: pointer,
                        length: socklen_t(MemoryLayout<sockaddr_un>.size),
                        deadline: deadline,
                        name: path
                    )
                    return socket.release()
                }
            }
        }
        return Socket(adopting: try result.get())
    }

    /// Gives the descriptor away; it is not closed with this value.
    package consuming func release() -> Int32 {
        let descriptor = descriptor
        discard self
        return descriptor
    }

    private static func connect(
        family: Int32,
        address: UnsafeMutablePointer<sockaddr>,
        length: socklen_t,
        deadline: ContinuousClock.Instant,
        name: String
    ) throws(IOError) -> Socket {
        try connect(
            family: family, address: UnsafePointer(address), length: length, deadline: deadline, name: name)
    }

    private static func connect(
        family: Int32,
        address: UnsafePointer<sockaddr>,
        length: socklen_t,
        deadline: ContinuousClock.Instant,
        name: String
    ) throws(IOError) -> Socket {
        let descriptor = socket(family, streamType, 0)
        guard descriptor >= 0 else { throw IOError(.system, "cannot make a socket", errno: errno) }
        let connection = Socket(adopting: descriptor)
        #if canImport(Glibc)
        let status = Glibc.connect(descriptor, address, length)
        #else
        let status = Darwin.connect(descriptor, address, length)
        #endif
        if status == 0 { return connection }
        guard errno == EINPROGRESS else {
            throw IOError(.connectionFailed, "cannot connect to \(name)", errno: errno)
        }
        while true {
            let remaining = ContinuousClock.now.duration(to: deadline)
            guard remaining > .zero else { throw IOError(.timedOut, "connecting to \(name) took too long") }
            var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let milliseconds =
                remaining.components.seconds * 1000 + remaining.components.attoseconds / 1_000_000_000_000_000
            if poll(&request, 1, Int32(clamping: milliseconds + 1)) > 0 { break }
        }
        var problem: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size)
        guard problem == 0 else { throw IOError(.connectionFailed, "cannot connect to \(name)", errno: problem) }
        return connection
    }

    private static func configure(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // Both are refused on Unix-domain sockets, where neither is needed.
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Ends the connection in both directions; the descriptor stays open.
    package borrowing func shutDown() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Reads what is there, at most the buffer's size.
    package borrowing func read(into buffer: UnsafeMutableRawBufferPointer) throws(IOError) -> Outcome {
        try Self.read(from: descriptor, into: buffer)
    }

    /// As ``read(into:)``, for an owner who sees to it that the socket stays open meanwhile.
    package static func read(
        from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(IOError) -> Outcome {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .endOfStream }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: return .wouldBlock
            default: throw IOError(.connectionLost, "reading failed", errno: errno)
            }
        }
    }

    /// Writes as much as the socket takes. A peer that is gone is an error, never a signal.
    package borrowing func write(_ bytes: UnsafeRawBufferPointer) throws(IOError) -> Outcome {
        try Self.write(bytes, to: descriptor)
    }

    /// As ``write(_:)``, for an owner who sees to it that the socket stays open meanwhile.
    package static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws(IOError) -> Outcome {
        #if canImport(Glibc)
        let flags = Int32(MSG_NOSIGNAL)
        #else
        let flags: Int32 = 0
        #endif
        while true {
            let count = send(descriptor, bytes.baseAddress, bytes.count, flags)
            if count >= 0 { return .bytes(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: return .wouldBlock
            default: throw IOError(.connectionLost, "writing failed", errno: errno)
            }
        }
    }
}
