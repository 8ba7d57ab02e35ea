import CeleryIO
import CeleryTransport
import Foundation
import TestSupport

@testable import CeleryRedis

/// A Redis server that says what a test wants: every command is answered by a closure.
final class ScriptedRedis: Sendable {
    enum Answer: Sendable {
        case bytes(String)
        /// The bytes one by one, as a bad network might deliver them.
        case dribble(String)
        /// The bytes, then the end.
        case last(String)
        /// Nothing at all.
        case silence
    }

    let port: Int
    private let listener: LoopbackListener
    private let connections = Connections()

    /// The descriptors that are open. One that is closed is nobody's business any more: its number is used again.
    private final class Connections: Sendable {
        private let open = Locked<Set<Int32>>([])

        func add(_ descriptor: Int32) { open.withLock { _ = $0.insert(descriptor) } }

        func close(_ descriptor: Int32) {
            open.withLock { open in
                open.remove(descriptor)
                Glibc.close(descriptor)
            }
        }

        func each(_ body: (Int32) -> Void) { open.withLock { $0.forEach(body) } }
    }

    init(_ answer: @escaping @Sendable ([String]) -> Answer) throws {
        listener = try LoopbackListener()
        port = listener.port
        Thread.detachNewThread { [listener, connections] in
            while let connection = listener.accept() {
                connections.add(connection)
                Thread.detachNewThread {
                    Self.serve(connection, answer)
                    connections.close(connection)
                }
            }
        }
    }

    deinit {
        listener.end()
        cut()
    }

    var address: RedisAddress {
        get throws { try RedisAddress("redis://127.0.0.1:\(port)/0") }
    }

    /// Ends all connections.
    func cut() {
        connections.each { shutdown($0, Int32(SHUT_RDWR)) }
    }

    /// Writes on all connections, unasked.
    func push(_ text: String) {
        connections.each { Self.send(Array(text.utf8)[...], to: $0) }
    }

    private static func serve(_ connection: Int32, _ answer: ([String]) -> Answer) {
        guard var reader = RESPReader() else { return }
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            do {
                try buffer.withUnsafeBytes { try reader.feed(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
                while let command = try reader.next() {
                    switch answer((command.array ?? []).compactMap(\.text)) {
                    case .bytes(let text): send(Array(text.utf8)[...], to: connection)
                    case .dribble(let text):
                        for byte in text.utf8 { send([byte], to: connection) }
                    case .last(let text):
                        send(Array(text.utf8)[...], to: connection)
                        shutdown(connection, Int32(SHUT_RDWR))
                        return
                    case .silence: break
                    }
                }
            } catch {
                return
            }
        }
    }

    private static func send(_ bytes: ArraySlice<UInt8>, to connection: Int32) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
