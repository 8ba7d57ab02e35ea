internal import Synchronization

/// What a broker's connections leave to those that come after them.
final class BrokerMemory: Sendable {
    let acknowledged = AcknowledgedMessages()
    let suspects = SuspectMessages()
    /// Whether the server has refused a prefetch limit for a whole channel, because a queue cannot keep to it.
    let refusesGlobalLimit = Atomic(false)
}
