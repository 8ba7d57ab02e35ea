import Foundation

/// A Redis server of a test's own, for what no other test must see: it is stopped, started again and configured.
final class PrivateRedis {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let port: Int
    private let folder: URL
    private let options: [String]
    private var process: Process?

    /// Starts a server that keeps its data.
    init(_ options: String...) throws {
        port = try Self.freePort()
        self.options = options
        folder = FileManager.default.temporaryDirectory.appending(path: "swift-celery-redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try start()
    }

    deinit {
        stop()
        do { try FileManager.default.removeItem(at: folder) } catch { print("\(folder) is left: \(error)") }
    }

    var url: String { "redis://127.0.0.1:\(port)/0" }

    func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", folder.path]
            + ["--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no"] + options
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    /// Ends it at once.
    func stop() {
        guard let process else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    private static func freePort() throws -> Int {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && getsockname(listener, pointer, &length) == 0
            }
        }
        guard isBound else { throw Failure(description: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
