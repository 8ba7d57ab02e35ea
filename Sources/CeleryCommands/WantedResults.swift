internal import ArgumentParser
internal import CeleryTransport

/// The results that a command waits for.
struct WantedResults {
    /// What wants them, for the error.
    let what: String
    /// Whether they are read by another process than the one that has sent the tasks.
    let areOfOthers: Bool

    /// Refuses what would be waited for in vain.
    func check(_ backend: (any ResultBackend)?) throws {
        guard let backend else {
            throw ValidationError(
                "\(what) needs a result backend: name it with --result-backend or in CELERY_RESULT_BACKEND")
        }
        guard areOfOthers, backend is RPCResultBackend else { return }
        throw ValidationError(
            "the results of rpc:// go to the program that has sent the task: no other one can read them")
    }
}
