/// A decoding error in one line.
struct DecodingFailure: CustomStringConvertible {
    let description: String

    init(_ error: any Error) {
        switch error {
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            description = Self.path(context) + context.debugDescription
        case DecodingError.keyNotFound(let key, let context):
            description = Self.path(context) + "the key '\(key.stringValue)' is missing"
        default: description = "\(error)"
        }
    }

    private static func path(_ context: DecodingError.Context) -> String {
        guard !context.codingPath.isEmpty else { return "" }
        return context.codingPath.map(\.stringValue).joined(separator: ".") + ": "
    }
}
