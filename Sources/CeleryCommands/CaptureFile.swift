internal import ArgumentParser
internal import Celery
internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTesting
internal import CeleryTransport

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A file of fixtures that grows. It is complete at any time: what is added replaces the end in one write.
///
/// Only standard output, which cannot be written twice, gets its end at last.
final class CaptureFile: Sendable {
    private struct State {
        var descriptor: Int32?
        /// Where the next case goes.
        var offset = 0
        var count = 0
    }

    private let path: String
    private let isReplacing: Bool
    private let about: JSONObject
    private let state = Locked(State())

    /// Names the file, which is made with the first case, or at the end.
    ///
    /// - Parameters:
    ///   - path: `-` for standard output.
    ///   - replacing: whether a file that is there is emptied.
    ///   - about: where the cases come from.
    init(_ path: String, replacing: Bool, about: JSONObject) throws {
        self.path = path
        self.about = about
        isReplacing = replacing
        if !isStream, !replacing, access(path, F_OK) == 0 { throw exists }
    }

    deinit {
        state.withLock { state in
            if let descriptor = state.descriptor, !isStream { close(descriptor) }
        }
    }

    private var isStream: Bool { path == "-" }

    private var exists: ValidationError { ValidationError("\(path) is there already; --force replaces it") }

    /// How many cases are in it.
    var count: Int { state.withLock { $0.count } }

    /// Adds cases, each of which gets its name.
    func append(_ cases: [JSONObject]) throws {
        try state.withLock { state in
            let descriptor = try open(&state)
            var bytes: [UInt8] = []
            for details in cases {
                bytes += FixtureText.separator(before: state.count) + named(details, state.count).serialized()
                state.count += 1
            }
            try add(bytes, &state.offset, descriptor)
        }
    }

    private func named(_ details: JSONObject, _ number: Int) -> JSONObject {
        var named: JSONObject = ["name": .string("\(Fixture(details)?.task ?? "unreadable")#\(number)")]
        for (key, value) in details { named[key] = value }
        return named
    }

    /// Writes the end, where it is not there yet.
    func finish() throws {
        try state.withLock { state in
            let descriptor = try open(&state)
            if isStream { try write(FixtureText.end, at: 0, descriptor) }
        }
    }

    private func open(_ state: inout State) throws -> Int32 {
        if let descriptor = state.descriptor { return descriptor }
        let descriptor = isStream ? STDOUT_FILENO : try openFile()
        state.descriptor = descriptor
        try add(FixtureText.beginning(about), &state.offset, descriptor)
        return descriptor
    }

    /// For this user alone: messages hold what is nobody else's business.
    private func openFile() throws -> Int32 {
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (isReplacing ? O_TRUNC : O_EXCL)
        #if canImport(Glibc)
        let descriptor = Glibc.open(path, flags, 0o600)
        #else
        let descriptor = Darwin.open(path, flags, 0o600)
        #endif
        guard descriptor >= 0 else { throw errno == EEXIST ? exists : failure }
        return descriptor
    }

    private func add(_ bytes: [UInt8], _ offset: inout Int, _ descriptor: Int32) throws {
        try write(isStream ? bytes : bytes + FixtureText.end, at: offset, descriptor)
        offset += bytes.count
    }

    private func write(_ bytes: [UInt8], at offset: Int, _ descriptor: Int32) throws {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
                return isStream
                    ? Self.write(rest, descriptor)
                    : pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure }
            written += count
        }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, _ descriptor: Int32) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #else
        Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    private var failure: ValidationError {
        ValidationError("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
}
