package import CeleryProtocol

extension TaskPayload {
    /// Takes over the arguments of a next try. As in Celery, what is given anew goes before what is inherited for the same
    /// parameter, however either is passed.
    ///
    /// - Parameters:
    ///   - changes: what is different.
    ///   - parameters: the names of the handler's parameters, in order; `nil` where it takes whatever comes.
    /// - Returns: whether anything is different.
    package mutating func change(_ changes: Retry.Changes, parameters: [String]?) -> Bool {
        switch (changes.arguments, changes.keywords) {
        case (nil, nil): return false
        case (let arguments?, nil):
            for name in (parameters ?? []).prefix(arguments.count) { kwargs[name] = nil }
            args = arguments
        case (nil, var keywords?):
            for (position, name) in (parameters ?? []).enumerated().prefix(args.count) {
                guard let value = keywords[name] else { continue }
                args[position] = value
                keywords[name] = nil
            }
            kwargs = keywords
        case (let arguments?, let keywords?): (args, kwargs) = (arguments, keywords)
        }
        return true
    }
}
