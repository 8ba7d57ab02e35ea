internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Stores the states of tasks in the result backend.
final class ResultWriter: Sendable {
    let budget = RetryBudget()
    private let store: any ResultStore
    private let logger: Logger

    init(_ store: any ResultStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Stores states with one try; whether all are stored.
    func hasStored(_ results: [StoredResult]) async -> Bool {
        await store.store(contentsOf: results).isEmpty
    }

    /// Stores states; returns the positions of those that are not, because the backend is out of order and the worker
    /// cannot wait any longer.
    func store(_ stored: [StoredResult]) async -> Set<Int> {
        let failures = await keepStoring(stored)
        var lost: Set<Int> = []
        for (position, error) in failures.sorted(by: { $0.key < $1.key }) {
            if RetryBudget.mayPass(error) {
                Self.log(stored[position], "is not stored", error, logger)
                lost.insert(position)
            } else {
                await storeRefusal(of: stored[position], error)
            }
        }
        return lost
    }

    /// Before the handler runs, because states of its own come after this one.
    func storeStarted(_ stored: StoredResult) async {
        // Belongs to the slot, which waits for it, but is not cancelled with it. The task does not wait for long: it is
        // going to say more.
        let failures = await Task { await keepStoring([stored], RetryBudget.Tries(areFew: true)) }.value
        for error in failures.values { Self.log(stored, "is not stored", error, logger) }
    }

    /// Stores states, those that are not stored again and again while the backend is out of order.
    ///
    /// - Returns: why some are not stored, by their positions: they are refused, or the worker ends.
    private func keepStoring(
        _ stored: [StoredResult], _ tries: RetryBudget.Tries = .init()
    ) async -> [Int: any Error] {
        guard !stored.isEmpty else { return [:] }
        var tries = tries
        var refused: [Int: any Error] = [:]
        var open = Array(stored.indices)
        while true {
            let failures = await store.store(
                contentsOf: open.count == stored.count ? stored : open.map { stored[$0] })
            if failures.isEmpty { return refused }
            var passing: [Int: any Error] = [:]
            for (position, error) in failures {
                if RetryBudget.mayPass(error) {
                    passing[open[position]] = error
                } else {
                    refused[open[position]] = error
                }
            }
            guard let error = passing.first?.value else { return refused }
            guard await budget.pause(&tries) else { return refused.merging(passing) { first, _ in first } }
            logger.warning(
                "storing results again", metadata: [LoggingKeys.error: "\(error)", "count": "\(passing.count)"])
            open = passing.keys.sorted()
        }
    }

    /// The backend will never take this state: that is what one who waits for the task gets to know, as in Celery.
    private func storeRefusal(of refused: StoredResult, _ error: any Error) async {
        Self.log(refused, "is refused by the backend", error, logger)
        guard refused.result.state.isReady else { return }
        var stored = refused
        stored.result.state = .failure
        stored.result.traceback = nil
        stored.result.result =
            TaskFailure(
                type: "BackendStoreError", module: "celery.exceptions",
                message: "the state \(refused.result.state) could not be stored: \(error)"
            ).json
        for error in await keepStoring([stored]).values { Self.log(stored, "is not stored", error, logger) }
    }

    private static func log(_ stored: StoredResult, _ what: String, _ error: any Error, _ logger: Logger) {
        logger.error(
            "a result \(what)",
            metadata: [
                LoggingKeys.taskID: LoggingKeys.line(stored.result.id), LoggingKeys.state: "\(stored.result.state)",
                LoggingKeys.error: "\(error)",
            ])
    }
}
