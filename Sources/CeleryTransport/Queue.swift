public import CeleryProtocol

/// A queue with the exchange and the key it is bound by.
public struct Queue: Sendable, Hashable {
    /// The types of exchange that Celery uses.
    public enum ExchangeType: String, Sendable, Hashable, CaseIterable {
        /// The routing key must be equal.
        case direct
        /// The routing key must match a pattern of words, `*` and `#`.
        case topic
        /// Every bound queue gets the message.
        case fanout
    }

    /// RabbitMQ's types of queue (`x-queue-type`).
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The default: not written into the declaration.
        case classic
        /// A replicated queue.
        case quorum
    }

    /// The name.
    public var name: String
    /// Another name that calls, routes, `-Q` and remote control find it by; kombu's `alias`.
    public var alias: String?
    /// The exchange; Celery gives each queue a direct exchange of its own name.
    public var exchange: String
    /// The exchange's type.
    public var exchangeType: ExchangeType
    /// The binding's key; the queue's name by default.
    public var routingKey: String
    /// The type of queue, for RabbitMQ.
    public var kind: Kind
    /// RabbitMQ's `x-max-priority` (`task_queue_max_priority`); `nil` for a queue without priorities.
    public var maxPriority: Int?
    /// Whether the queue survives a restart of the broker.
    public var isDurable: Bool
    /// Whether the exchange survives a restart of the broker; kombu's `Exchange.durable`.
    public var isExchangeDurable: Bool
    /// Whether the queue is that of one connection, which alone consumes it and with which it goes away; kombu's
    /// `exclusive`. Redis knows nothing of it.
    public var isExclusive: Bool
    /// Whether the queue goes away with its last consumer.
    public var isAutoDelete: Bool
    /// After how long without use the queue goes away (`x-expires`, which counts milliseconds); `nil` for never.
    public var expires: Duration?
    /// Whatever else RabbitMQ is to be told at the declaration (kombu's `queue_arguments`), such as
    /// `["x-dead-letter-exchange": "dead", "x-message-ttl": 60_000, "x-single-active-consumer": true]`. What is written
    /// here counts more than ``kind``, ``maxPriority`` and ``expires``. Redis has no such arguments.
    public var arguments: JSONObject

    /// Makes a queue; exchange and routing key are the queue's name unless given.
    public init(
        _ name: String,
        exchange: String? = nil,
        exchangeType: ExchangeType = .direct,
        routingKey: String? = nil,
        kind: Kind = .classic,
        maxPriority: Int? = nil,
        isDurable: Bool = true,
        isExchangeDurable: Bool = true,
        isExclusive: Bool = false,
        isAutoDelete: Bool = false,
        expires: Duration? = nil,
        arguments: JSONObject = [:]
    ) {
        self.name = name
        self.exchange = exchange ?? name
        self.exchangeType = exchangeType
        self.routingKey = routingKey ?? name
        self.kind = kind
        self.maxPriority = maxPriority
        self.isDurable = isDurable
        self.isExchangeDurable = isExchangeDurable
        self.isExclusive = isExclusive
        self.isAutoDelete = isAutoDelete
        self.expires = expires
        self.arguments = arguments
    }
}

extension Queue {
    /// A queue of this process alone in which every task arrives that is sent to `name`: each worker that has such a queue
    /// runs it once. kombu's `Broadcast`; Python workers and these share the exchange.
    ///
    ///     let routing = Routing(routes: [.init("cache.forget", to: .broadcast("everybody"))])
    ///
    /// The queue goes away with its worker. Who does not listen at the moment never gets the task: on Redis also what was
    /// taken and had not begun when the worker ends, and what comes while it is not connected. A retry goes to everybody
    /// again, as in Celery. The results of all runs have the one id of the task, so that a caller sees one of them.
    ///
    /// - Parameters:
    ///   - name: of the exchange, and the queue's ``alias``.
    ///   - queue: the queue's own name; by default one that nobody else has.
    ///   - routingKey: Python's `task_default_routing_key`, which a `Broadcast` without a key gets. Both sides must agree on it
    ///     on Redis; RabbitMQ does not look at it.
    public static func broadcast(_ name: String, queue: String? = nil, routingKey: String = "celery") -> Queue {
        var broadcast = Queue(
            queue ?? broadcastPrefix + RandomID.make(), exchange: name, exchangeType: .fanout, routingKey: routingKey,
            isAutoDelete: true)
        broadcast.alias = name
        return broadcast
    }

    /// What the names begin with that kombu gives to queues of a `Broadcast`.
    package static let broadcastPrefix = "bcast."

    /// Whether it is one of many that get the same, which those who send do not declare.
    package var isBroadcast: Bool { alias != nil && exchangeType == .fanout }

    /// Whether it has this name.
    package func isCalled(_ name: String) -> Bool { self.name == name || alias == name }
}

extension Queue {
    /// Whether this is no queue but stands for its exchange, see ``Destination/init(exchange:type:isDurable:routingKey:)``.
    package var isExchangeAlone: Bool { name.isEmpty }
}

extension Queue: ExpressibleByStringLiteral {
    /// A durable queue with a direct exchange of the same name.
    public init(stringLiteral value: String) { self.init(value) }
}
