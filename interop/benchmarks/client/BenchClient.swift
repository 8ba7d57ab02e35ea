import Celery
import CeleryRabbitMQ
import CeleryRedis
import Logging

/// The Swift client of `interop/bench`. Prints one line of JSON.
///
///     bench-client publish BROKER QUEUE TASK COUNT CALLERS
///     bench-client later BROKER QUEUE TASK COUNT COUNTDOWN
///     bench-client latency BROKER BACKEND QUEUE TASK COUNT PAUSE
///     bench-client calls BROKER BACKEND QUEUE TASK COUNT tasks|handles|group [NUMBER...]
///     bench-client canvas BROKER BACKEND QUEUE TASK BODY
@main
enum BenchClient {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.count) {
        case ("publish", 6):
            let client = try makeClient(broker: arguments[1], backend: nil)
            let publishing = Publishing(client: client, queue: arguments[2], task: arguments[3])
            print(try await publishing.run(count: number(arguments[4]), callers: number(arguments[5])))
            await client.close()
        case ("later", 6):
            let client = try makeClient(broker: arguments[1], backend: nil)
            let publishing = Publishing(
                client: client, queue: arguments[2], task: arguments[3], countdown: .seconds(try number(arguments[5])))
            print(try await publishing.run(count: number(arguments[4]), callers: 64))
            await client.close()
        case ("calls", 7...):
            let client = try makeClient(broker: arguments[1], backend: arguments[2])
            let numbers = try arguments.dropFirst(7).map { JSONValue.double(try number($0)) }
            let calls = Calls(
                client: client, queue: arguments[3], task: arguments[4], arguments: numbers.isEmpty ? [2, 3] : numbers)
            print(try await calls.run(count: number(arguments[5]), mode: arguments[6]))
            await client.close()
        case ("canvas", 6):
            let client = try makeClient(broker: arguments[1], backend: arguments[2])
            let canvases = Canvases(client: client, queue: arguments[3], task: arguments[4], body: arguments[5])
            try await canvases.run()
            await client.close()
        case ("latency", 7):
            let client = try makeClient(broker: arguments[1], backend: arguments[2])
            let latency = Latency(client: client, queue: arguments[3], task: arguments[4])
            print(try await latency.run(count: number(arguments[5]), pause: number(arguments[6])))
            await client.close()
        default:
            throw BenchError(description: "see the top of BenchClient.swift")
        }
    }

    private static func makeClient(broker: String, backend: String?) throws -> CeleryClient {
        var logger = Logger(label: "bench-client")
        logger.logLevel = .warning
        let transport: any Broker = broker.hasPrefix("redis") ? .redis(broker) : .rabbitMQ(broker)
        let results = backend.map { $0.hasPrefix("rpc") ? .rpc : .redis($0) } as (any ResultBackend)?
        return try CeleryClient(broker: transport, backend: results, logger: logger)
    }

    private static func number<Value: LosslessStringConvertible>(_ text: String) throws -> Value {
        guard let value = Value(text) else { throw BenchError(description: "\(text) is not a number") }
        return value
    }
}
