internal import CeleryProtocol

extension TaskDefinition {
    /// The task with its first argument left open, and these for the others.
    public func partial<First: Codable & Sendable, each Rest: Codable & Sendable>(
        _ rest: repeat each Rest
    ) -> Partial<First, Output> where Input == (First, repeat each Rest) {
        let arguments = { @Sendable () throws -> [JSONValue] in
            var values: [JSONValue] = []
            for value in repeat each rest { values.append(try JSONValueEncoder().encode(value)) }
            return values
        }
        return Partial(
            stages: CanvasStages(
                .one { [self] _ in call(try arguments(), of: parameters.dropFirst()) }),
            decodeOutput: decodeOutput)
    }

    // A pack of no elements would do, but the compiler does not find it for a task with one parameter.

    /// The task with its only argument left open.
    public func partial() -> Partial<Input, Output> where Input: Codable {
        Partial(stages: CanvasStages(.one { [name] _ in CanvasNode(task: name) }), decodeOutput: decodeOutput)
    }

    /// The task for each of these arguments, one after the other in one message (Celery's `map`).
    public func map(_ inputs: [Input]) -> Signature<[Output]> where Input: Codable {
        Signature(
            task: "celery.map",
            stages: CanvasStages(
                .one { [name] _ in
                    try .map(CanvasNode(task: name), over: try inputs.map { try JSONValueEncoder().encode($0) })
                }),
            decodeOutput: decodeAll)
    }

    /// The task for each of these lists of arguments, one after the other in one message (Celery's `starmap`).
    public func starmap(_ inputs: [Input]) -> Signature<[Output]> {
        Signature(
            task: "celery.starmap",
            stages: CanvasStages(
                .one { [name, encodeInput] _ in
                    try .starmap(CanvasNode(task: name), over: try inputs.map { .array(try encodeInput($0)) })
                }),
            decodeOutput: decodeAll)
    }

    /// The task for each of these lists of arguments, so many in a message (Celery's `chunks`).
    ///
    /// - Parameters:
    ///   - inputs: the lists of arguments.
    ///   - size: how many of them are in each message; at least 1.
    public func chunks(_ inputs: [Input], of size: Int) -> GroupSignature<[Output]> {
        let size = max(1, size)
        return group(
            stride(from: 0, to: inputs.count, by: size).map {
                starmap(Array(inputs[$0..<min($0 + size, inputs.count)]))
            })
    }

    private var decodeAll: @Sendable (JSONValue) throws -> [Output] {
        { [decodeOutput] in try JSONValueDecoder().decode([JSONValue].self, from: $0).map { try decodeOutput($0) } }
    }
}
