import Foundation
import TestSupport

/// A Redis server of a test's own, for what no other test must see: it is stopped, started again and configured.
final class PrivateRedis {
    let port: Int
    private let folder: URL
    private let options: [String]
    private var process: Process?

    /// Starts a server that keeps its data.
    init(_ options: String...) throws {
        port = try LoopbackListener().port
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
}
