internal import CeleryProtocol

/// What caller and worker agree on for one task: its registered name, its parameters and what it returns.
///
/// Calling a definition makes a ``Signature``:
///
///     let add = TaskDefinition("tasks.add", Parameter("x", as: Int.self), Parameter("y", default: 0), returning: Int.self)
///     let sum = try await client.enqueue(add(2, 3)).value()
public struct TaskDefinition<Input: Sendable, Output: Sendable>: Sendable {
    /// The name under which workers know the task.
    public let name: String
    let encodeInput: @Sendable (Input) throws -> [JSONValue]
    let decodeInput: @Sendable (ArgumentBinding) throws -> Input
    let encodeOutput: @Sendable (Output) throws -> JSONValue
    let decodeOutput: @Sendable (JSONValue) throws -> Output
    let parameters: [ArgumentBinding.Parameter]
    let sendsKeywords: Bool

    /// A task with these parameters, in the order in which callers give positional arguments.
    public init<each P: Codable & Sendable>(
        _ name: String,
        _ parameters: repeat Parameter<each P>,
        returning output: Output.Type
    ) where Input == (repeat each P), Output: Codable {
        self.init(
            name,
            repeat each parameters,
            encodeOutput: { try JSONValueEncoder().encode($0) },
            decodeOutput: { try JSONValueDecoder().decode(Output.self, from: $0) }
        )
    }

    /// A task that returns nothing, as Python functions that return `None`.
    public init<each P: Codable & Sendable>(
        _ name: String,
        _ parameters: repeat Parameter<each P>
    ) where Input == (repeat each P), Output == Void {
        self.init(name, repeat each parameters, encodeOutput: { _ in .null }, decodeOutput: { _ in () })
    }

    // A pack of one element would do, but within a longer expression the compiler takes it for another type.

    /// A task with one parameter.
    public init(
        _ name: String, _ parameter: Parameter<Input>, returning output: Output.Type
    ) where Input: Codable, Output: Codable {
        self.init(
            name,
            parameter,
            encodeOutput: { try JSONValueEncoder().encode($0) },
            decodeOutput: { try JSONValueDecoder().decode(Output.self, from: $0) }
        )
    }

    /// A task with one parameter that returns nothing.
    public init(_ name: String, _ parameter: Parameter<Input>) where Input: Codable, Output == Void {
        self.init(name, parameter, encodeOutput: { _ in .null }, decodeOutput: { _ in () })
    }

    private init(
        _ name: String,
        _ parameter: Parameter<Input>,
        encodeOutput: @escaping @Sendable (Output) throws -> JSONValue,
        decodeOutput: @escaping @Sendable (JSONValue) throws -> Output
    ) where Input: Codable {
        self.init(
            name: name,
            parameters: [.init(name: parameter.name, isOptional: parameter.defaultValue != nil)],
            sendsKeywords: false,
            encodeInput: { [try JSONValueEncoder().encode($0)] },
            decodeInput: { binding in
                var position = 0
                return try binding.value(parameter, at: &position)
            },
            encodeOutput: encodeOutput,
            decodeOutput: decodeOutput
        )
    }

    private init<each P: Codable & Sendable>(
        _ name: String,
        _ parameters: repeat Parameter<each P>,
        encodeOutput: @escaping @Sendable (Output) throws -> JSONValue,
        decodeOutput: @escaping @Sendable (JSONValue) throws -> Output
    ) where Input == (repeat each P) {
        var described: [ArgumentBinding.Parameter] = []
        for parameter in repeat each parameters {
            described.append(.init(name: parameter.name, isOptional: parameter.defaultValue != nil))
        }
        self.init(
            name: name,
            parameters: described,
            sendsKeywords: false,
            encodeInput: { input in
                var values: [JSONValue] = []
                for value in repeat each input { values.append(try JSONValueEncoder().encode(value)) }
                return values
            },
            decodeInput: { binding in
                var position = 0
                return (repeat try binding.value(each parameters, at: &position))
            },
            encodeOutput: encodeOutput,
            decodeOutput: decodeOutput
        )
    }

    private init(
        name: String,
        parameters: [ArgumentBinding.Parameter],
        sendsKeywords: Bool,
        encodeInput: @escaping @Sendable (Input) throws -> [JSONValue],
        decodeInput: @escaping @Sendable (ArgumentBinding) throws -> Input,
        encodeOutput: @escaping @Sendable (Output) throws -> JSONValue,
        decodeOutput: @escaping @Sendable (JSONValue) throws -> Output
    ) {
        self.name = name
        self.parameters = parameters
        self.sendsKeywords = sendsKeywords
        self.encodeInput = encodeInput
        self.decodeInput = decodeInput
        self.encodeOutput = encodeOutput
        self.decodeOutput = decodeOutput
    }

    /// The same task, whose calls name every argument: for Python functions with keyword-only parameters.
    public var keywords: TaskDefinition {
        TaskDefinition(
            name: name, parameters: parameters, sendsKeywords: true, encodeInput: encodeInput,
            decodeInput: decodeInput, encodeOutput: encodeOutput, decodeOutput: decodeOutput)
    }

    /// A call of the task with these arguments; nothing is sent yet.
    ///
    /// Every argument is given, those of parameters with a default too: what is left out is "missing argument" to the
    /// compiler.
    public func callAsFunction<each A>(_ arguments: repeat each A) -> Signature<Output> where Input == (repeat each A) {
        signature((repeat each arguments))
    }

    private func signature(_ input: Input) -> Signature<Output> {
        Signature(
            task: name,
            stages: CanvasStages(.one { [self] _ in call(try encodeInput(input), of: parameters[...]) }),
            decodeOutput: decodeOutput
        )
    }

    /// A call with these values for these parameters, by position or by name.
    func call(_ values: [JSONValue], of parameters: ArraySlice<ArgumentBinding.Parameter>) -> CanvasNode {
        guard sendsKeywords else { return CanvasNode(task: name, args: values) }
        var keywords = JSONObject()
        for (parameter, value) in zip(parameters, values) { keywords[parameter.name] = value }
        return CanvasNode(task: name, kwargs: keywords)
    }
}
