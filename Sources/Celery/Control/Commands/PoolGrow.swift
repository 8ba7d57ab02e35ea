internal import CeleryProtocol
internal import CeleryTransport

extension ControlCommand {
    /// `pool_grow`: so many more tasks run at a time, and the prefetch count follows.
    static let poolGrow = ControlCommand("pool_grow") { state, arguments in
        try await state.resize(by: arguments.poolChange())
        return .ok("pool will grow")
    }

    /// `pool_shrink`: so many fewer tasks run at a time; what runs ends as it would. Python's worker refuses while all of its
    /// processes are busy.
    static let poolShrink = ControlCommand("pool_shrink") { state, arguments in
        try await state.resize(by: -arguments.poolChange())
        return .ok("pool will shrink")
    }
}

extension ControlArguments {
    /// The argument `n`, 1 if there is none.
    fileprivate func poolChange() throws(ControlError) -> Int {
        try refuseAll(but: ["n"])
        let change = try integer("n") ?? 1
        guard change > 0 else { throw ControlError("ValueError", "n must be above zero") }
        return change
    }
}

extension WorkerState {
    /// So many tasks a worker runs at most.
    private static let largestPool = 100_000

    /// More tasks run at a time, or, for a number below zero, fewer.
    fileprivate func resize(by change: Int) async throws {
        let (count, isTooLarge) = slots.pool.count.addingReportingOverflow(change)
        guard !isTooLarge, (1...Self.largestPool).contains(count) else {
            throw ControlError("ValueError", "a pool has between 1 and \(Self.largestPool) slots")
        }
        slots.resize(to: count)
        do {
            try await intake.setConcurrency(count)
        } catch let error as TransportError {
            logger.warning(
                "the pool has another size, and the broker sends as many messages as before",
                metadata: [LoggingKeys.error: LoggingKeys.reason(error)])
        }
        logger.info("the pool has another size", metadata: ["slots": "\(count)"])
    }
}
