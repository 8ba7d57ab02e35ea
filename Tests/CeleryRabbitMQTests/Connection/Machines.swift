import CeleryIO
import CeleryProtocol
import CeleryTransport
import Logging

@testable import CeleryRabbitMQ

/// A stream on which nothing happens: machines only need one to exist.
final class DeadStream: ByteStream {
    var descriptor: Int32 { -1 }
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Socket.Outcome { .wouldBlock }
    func write(_ bytes: UnsafeRawBufferPointer) -> Socket.Outcome { .wouldBlock }

    /// A connection over such a stream.
    static func link(heartbeat: Duration? = nil) -> AMQPLink {
        AMQPLink(
            stream: DeadStream(),
            agreement: AMQPHandle.Agreement(frameMax: 131_072, heartbeat: heartbeat, serverVersion: "3.10.8"),
            name: "the server")
    }
}

/// A method that a machine has written.
struct WrittenMethod: Equatable, CustomStringConvertible {
    let id: MethodID
    let arguments: [UInt8]

    var description: String { "\(id)" }

    /// The number that a settlement begins with.
    var tag: UInt64? {
        var reader = WireReader(arguments)
        return try? reader.integer(UInt64.self)
    }
}

extension ConnectionMachine where Self: ~Copyable {
    /// What was written since the last time.
    mutating func takeWritten() throws -> [WrittenMethod] {
        try takeFrames(ofType: 1) { payload in
            guard let id = MethodID(rawValue: try payload.integer(UInt32.self)) else { return nil }
            return WrittenMethod(id: id, arguments: Array(try payload.data(payload.remaining)))
        }
    }

    /// The bodies of the messages that were published since the last time.
    mutating func takePublished() throws -> [String] {
        try takeFrames(ofType: 3) { String(decoding: try $0.data($0.remaining), as: UTF8.self) }
    }

    private mutating func takeFrames<Value>(
        ofType type: UInt8, _ read: (inout WireReader) throws -> Value?
    ) throws -> [Value] {
        var buffer = FrameBuffer()
        var values: [Value] = []
        var rest = link.output.bytes[...]
        link.output.bytes = []
        while !rest.isEmpty {
            buffer.fill { free in
                let count = min(free.count, rest.count)
                free.copyBytes(from: rest.prefix(count))
                rest = rest.dropFirst(count)
                return count
            }
            while var frame = try buffer.next() {
                guard frame.type == type, let value = try read(&frame.payload) else { continue }
                values.append(value)
            }
        }
        return values
    }
}

extension [ConnectionAction] {
    /// The callers whose wait is over, with their errors.
    var completions: [(token: UInt64, code: TransportError.Code?)] {
        compactMap { if case .complete(let token, let error) = $0 { (token, error?.code) } else { nil } }
    }

    /// The callers who have had success.
    var successes: [UInt64] { completions.filter { $0.code == nil }.map(\.token) }

    /// The callers who have got this error.
    func failures(_ code: TransportError.Code) -> [UInt64] {
        completions.filter { $0.code == code }.map(\.token).sorted()
    }

    var deliveries: [Delivery] {
        flatMap { action -> [Delivery] in if case .deliver(let deliveries) = action { deliveries } else { [] } }
    }

    /// What the lines of the log say beside their texts.
    var lines: [Logger.Metadata] {
        compactMap { if case .log(_, _, let metadata) = $0 { metadata } else { nil } }
    }

    var hasEnded: Bool { contains { if case .ended = $0 { true } else { false } } }
}

/// A machine that a test can look at while it changes it: `#expect` wants what can be copied.
class Machine<Value: ConnectionMachine & ~Copyable> {
    var value: Value

    init(_ value: consuming Value) {
        self.value = value
    }

    var deadline: ContinuousClock.Instant? { value.deadline }
    var isReading: Bool { value.isReading }

    func receive(_ events: [ServerEvent], now: ContinuousClock.Instant) -> [ConnectionAction] {
        value.receive(events, now: now)
    }

    func advance(to now: ContinuousClock.Instant) -> [ConnectionAction] { value.advance(to: now) }
    func end(_ error: TransportError) -> [ConnectionAction] { value.end(error) }
    func cancel(_ token: UInt64) { value.cancel(token) }
    func takeWritten() throws -> [WrittenMethod] { try value.takeWritten() }
    func takePublished() throws -> [String] { try value.takePublished() }
}

/// What cannot be copied cannot be looked into: an expectation that fails would crash over it.
extension Machine: CustomReflectable where Value: ~Copyable {
    var customMirror: Mirror { Mirror(reflecting: ()) }
}
