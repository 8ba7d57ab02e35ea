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

/// A file of fixtures that grows. It is complete at any time: what is added replaces the end in one write, and is taken
/// back when it cannot be written whole.
///
/// Only standard output, which cannot be written twice, gets its end at last.
final class CaptureFile: Sendable {
    /// Why a case is not in the file.
    struct WriteError: Error, CustomStringConvertible {
        let description: String
    }

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
    ///   - replacing: whether a file that is there is replaced, once there is something to write.
    ///   - about: where the cases come from.
    init(_ path: String, replacing: Bool, about: JSONObject) throws {
        self.path = path
        self.about = about
        isReplacing = replacing
        var status = stat()
        guard !isStream, lstat(path, &status) == 0 else { return }
        guard [S_IFREG, S_IFLNK].contains(status.st_mode & S_IFMT) else {
            throw ValidationError("\(path) is no file; - stands for standard output")
        }
        if !replacing { throw exists }
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
    ///
    /// - Throws: ``WriteError``; what was in the file before still is.
    func append(_ cases: [JSONObject]) throws {
        try state.withLock { state in
            var bytes: [UInt8] = []
            for (number, details) in cases.enumerated() {
                let position = state.count + number
                bytes += FixtureText.separator(before: position) + named(details, position).serialized()
            }
            try add(bytes, &state)
            state.count += cases.count
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
            if state.descriptor == nil { try add([], &state) }
            guard let descriptor = state.descriptor else { return }
            if isStream { return try write(FixtureText.end, at: 0, descriptor) }
            state.descriptor = nil
            // Some file systems say only now that they have no room.
            guard close(descriptor) == 0 else { throw failure }
        }
    }

    private func add(_ cases: [UInt8], _ state: inout State) throws {
        guard let descriptor = state.descriptor else { return try begin(cases, &state) }
        if isStream { return try write(cases, at: 0, descriptor) }
        do {
            try write(cases + FixtureText.end, at: state.offset, descriptor)
        } catch {
            try takeBack(to: state.offset, descriptor)
            throw error
        }
        state.offset += cases.count
    }

    /// Makes the file with its first cases. One that is there already is replaced as a whole, so that the new one is for
    /// this user alone, and the old one is not lost to a disk that is full.
    private func begin(_ cases: [UInt8], _ state: inout State) throws {
        let beginning = FixtureText.beginning(about) + cases
        if isStream {
            state.descriptor = STDOUT_FILENO
            return try write(beginning, at: 0, STDOUT_FILENO)
        }
        let name = isReplacing ? "\(path).\(String(UInt32.random(in: 0 ... .max), radix: 16))" : path
        let descriptor = try create(name)
        do {
            try write(beginning + FixtureText.end, at: 0, descriptor)
            if isReplacing, rename(name, path) != 0 { throw failure }
        } catch {
            close(descriptor)
            unlink(name)
            throw error
        }
        state.descriptor = descriptor
        state.offset = beginning.count
    }

    /// For this user alone: messages hold what is nobody else's business.
    private func create(_ name: String) throws -> Int32 {
        // At a limit for the size of files the write is to fail, and not to end the process.
        signal(SIGXFSZ, SIG_IGN)
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_EXCL
        #if canImport(Glibc)
        let descriptor = Glibc.open(name, flags, 0o600)
        #else
        let descriptor = Darwin.open(name, flags, 0o600)
        #endif
        guard descriptor >= 0 else {
            if errno == EEXIST { throw exists }
            throw failure
        }
        return descriptor
    }

    /// Puts the end back where it was: there was room for it.
    private func takeBack(to offset: Int, _ descriptor: Int32) throws {
        try write(FixtureText.end, at: offset, descriptor)
        guard ftruncate(descriptor, off_t(offset + FixtureText.end.count)) == 0 else { throw failure }
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

    private var failure: WriteError {
        let reason = String(cString: strerror(errno))
        return WriteError(description: "\(isStream ? "standard output" : path) cannot be written: \(reason)")
    }
}
