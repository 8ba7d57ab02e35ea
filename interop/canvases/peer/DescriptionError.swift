/// A description of a canvas that makes no sense.
struct DescriptionError: Error, CustomStringConvertible {
    let description: String
}
