internal import CHiredis
package import Celery
internal import CeleryIO

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The Redis in which tasks leave their marks: database 0 of `REDIS_HOST` and `REDIS_PORT`, over a connection that has to do
/// with neither broker nor results. Its calls block.
package final class BlockingRedis: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private struct Connection: @unchecked Sendable {
        // Used under the lock alone.
        var context: UnsafeMutablePointer<redisContext>?
    }

    private let host: String
    private let port: Int32
    private let connection = Locked(Connection())

    package init() throws {
        let environment = ProcessInfo.processInfo.environment
        host = environment["REDIS_HOST"] ?? "localhost"
        guard let port = Int32(environment["REDIS_PORT"] ?? "6379") else { throw Failure(description: "REDIS_PORT") }
        self.port = port
    }

    deinit { connection.withLock { if let context = $0.context { redisFree(context) } } }

    /// Runs a command.
    ///
    /// - Throws: ``Failure`` with what the server says against it.
    package func run(_ command: String, _ arguments: [UInt8]...) throws {
        try connection.withLock { connection in
            if connection.context == nil { connection.context = try connected() }
            guard let context = connection.context else { return }
            let parts = [Array(command.utf8)] + arguments
            var pointers: [UnsafePointer<CChar>?] = []
            // Copies that live until the command is written.
            let copies = parts.map { part in
                let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: max(part.count, 1))
                for (index, byte) in part.enumerated() { copy[index] = CChar(bitPattern: byte) }
                pointers.append(copy.baseAddress.map { UnsafePointer($0) })
                return copy
            }
            defer { for copy in copies { copy.deallocate() } }
            let lengths = parts.map(\.count)
            guard let reply = redisCommandArgv(context, Int32(parts.count), &pointers, lengths) else {
                redisFree(context)
                connection.context = nil
                throw Failure(description: "the connection to Redis is lost")
            }
            defer { freeReplyObject(reply) }
            let answer = reply.assumingMemoryBound(to: redisReply.self).pointee
            if answer.type == REDIS_REPLY_ERROR { throw Failure(description: String(cString: answer.str)) }
        }
    }

    private func connected() throws -> UnsafeMutablePointer<redisContext> {
        guard let context = redisConnect(host, port) else { throw Failure(description: "no memory for a connection") }
        if context.pointee.err == 0 { return context }
        redisFree(context)
        throw Failure(description: "Redis at \(host):\(port) does not answer")
    }

    /// A value as redis-py writes it.
    ///
    /// - Throws: ``TaskFailure`` for what redis-py does not take.
    package static func bytes(_ value: JSONValue) throws -> [UInt8] {
        switch value {
        case .string(let text): return Array(text.utf8)
        case .integer, .double: return value.serialized()
        case .object: return [UInt8](try JSONValueDecoder().decode(Data.self, from: value))
        default: throw TaskFailure(type: "DataError", module: "redis.exceptions", message: "Invalid input")
        }
    }
}
