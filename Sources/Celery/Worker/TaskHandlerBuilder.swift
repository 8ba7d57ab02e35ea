/// Builds a worker's list of handlers.
@resultBuilder
public enum TaskHandlerBuilder {
    /// One handler.
    public static func buildExpression(_ handler: TaskHandler) -> [TaskHandler] { [handler] }
    /// One errback.
    public static func buildExpression(_ errback: ErrbackHandler) -> [TaskHandler] { [errback.handler] }
    /// Several handlers.
    public static func buildExpression(_ handlers: [TaskHandler]) -> [TaskHandler] { handlers }
    /// All handlers together.
    public static func buildBlock(_ handlers: [TaskHandler]...) -> [TaskHandler] { handlers.flatMap { $0 } }
    /// Handlers under a condition.
    public static func buildOptional(_ handlers: [TaskHandler]?) -> [TaskHandler] { handlers ?? [] }
    /// The first of two alternatives.
    public static func buildEither(first handlers: [TaskHandler]) -> [TaskHandler] { handlers }
    /// The second of two alternatives.
    public static func buildEither(second handlers: [TaskHandler]) -> [TaskHandler] { handlers }
    /// Handlers made in a loop.
    public static func buildArray(_ handlers: [[TaskHandler]]) -> [TaskHandler] { handlers.flatMap { $0 } }
}
