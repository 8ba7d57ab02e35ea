package import CeleryProtocol

/// The text of a file of fixtures around its cases.
package enum FixtureText {
    /// Up to the first case.
    ///
    /// - Parameter about: where the cases come from.
    package static func beginning(_ about: JSONObject) -> [UInt8] {
        var about = about
        about["cases"] = []
        // Without the end of the list and of the object.
        return about.serialized().dropLast(2)
    }

    /// What stands before a case with this number.
    package static func separator(before number: Int) -> [UInt8] { Array((number == 0 ? "\n" : ",\n").utf8) }

    /// What stands behind the last case.
    package static let end = Array("\n]}\n".utf8)
}
