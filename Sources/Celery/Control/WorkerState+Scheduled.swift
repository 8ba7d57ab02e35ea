internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension WorkerState {
    /// A task that waits for its eta.
    struct ScheduledTask: Sendable {
        /// As Python writes it.
        let eta: String
        let request: TaskRequest
        let message: Message
    }

    /// The tasks that wait for their eta in the worker. A message that came in once can be read again.
    var scheduled: [ScheduledTask] {
        intake.scheduled.compactMap { eta, packed in
            do {
                let message = try packed.restored()
                let request = try TaskRequest(message, options.bodyLimits) { _ in }
                return ScheduledTask(eta: try PythonDateTime(eta).isoFormat, request: request, message: message)
            } catch {
                return nil
            }
        }
    }
}
