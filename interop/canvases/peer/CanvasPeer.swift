import Celery
import CeleryCommands
import CeleryRabbitMQ
import CeleryRedis
import InteropRedis
import Logging

/// The Swift side of `interop/canvas`: a worker; or, called as `canvas-peer send BROKER BACKEND`, a client.
@main enum CanvasPeer {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, arguments[1] == "send" else { return await PeerWorker.main() }
        var logger = Logger(label: "canvas-peer")
        logger.logLevel = .warning
        let broker: any Broker = arguments[2].hasPrefix("redis") ? .redis(arguments[2]) : .rabbitMQ(arguments[2])
        let client = try CeleryClient(
            broker: broker, backend: .redis(arguments[3]), routing: Routing(defaultQueue: "one"), logger: logger)
        try await PeerClient(client: client).run()
        await client.close()
    }
}

/// A worker with the tasks of `canvases/app.py`.
struct PeerWorker: CeleryWorkerCommand {
    private let notes: Notes

    init() throws { notes = Notes(redis: try BlockingRedis()) }

    var handlers: [TaskHandler] { PeerTasks(notes: notes).handlers }
}
