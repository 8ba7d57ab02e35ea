internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// How states get into the result backend.
extension WorkerEngine {
    private enum Storing {
        case done
        /// The backend is out of order, and the worker ends.
        case givenUp
        /// The backend does not take one of them.
        case refused(any Error)
    }

    /// Stores what some messages have come to in one go, and settles them.
    func store(_ batch: [Conclusion]) async {
        switch await keepStoring(batch.flatMap(\.results)) {
        case .done: for conclusion in batch { settle(conclusion) }
        case .givenUp: for conclusion in batch { settle(conclusion, isDone: false) }
        case .refused:
            // One that is not taken must not harm the others.
            for conclusion in batch { settle(conclusion, isDone: await store(conclusion.results)) }
        }
    }

    /// Stores states; `false` when the backend is out of order and the worker cannot wait any longer.
    func store(_ stored: [StoredResult]) async -> Bool {
        switch await keepStoring(stored) {
        case .done: return true
        case .givenUp: return false
        case .refused(let error):
            guard stored.count > 1 else {
                for stored in stored { await storeRefusal(of: stored, error) }
                return true
            }
            var areStored = true
            for stored in stored where await !store([stored]) { areStored = false }
            return areStored
        }
    }

    /// Before the handler runs, because states of its own come after this one.
    func storeStarted(_ stored: StoredResult) async {
        // Belongs to the slot, which waits for it, but is not cancelled with it. The task does not wait for long: it is
        // going to say more.
        let storing = await Task { await keepStoring([stored], Patience.Tries(areFew: true)) }.value
        if case .refused(let error) = storing { Self.log(stored, "is not stored", error, logger) }
    }

    /// Stores states, again and again while the backend is out of order.
    private func keepStoring(_ stored: [StoredResult], _ tries: Patience.Tries = .init()) async -> Storing {
        guard let results, !stored.isEmpty else { return .done }
        var tries = tries
        while true {
            do {
                try await results.store(stored)
                return .done
            } catch  where Self.mayPass(error) {
                guard await patience.pause(&tries) else {
                    for stored in stored { Self.log(stored, "is not stored", error, logger) }
                    return .givenUp
                }
                logger.warning(
                    "storing results again",
                    metadata: [LoggingKeys.error: "\(error)", "count": "\(stored.count)"])
            } catch {
                return .refused(error)
            }
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
        if case .refused(let error) = await keepStoring([stored]) { Self.log(stored, "is not stored", error, logger) }
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
