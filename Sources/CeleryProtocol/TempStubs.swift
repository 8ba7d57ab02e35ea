public import FoundationEssentials
enum PythonDateTime { static func isoFormat(_ d: Date) -> String { "" }
 static func parse(_ s: String, naiveIsUTC: Bool) throws -> Date { Date() } }
enum PythonRepr { static func repr(of v: JSONValue) -> String { "" } }
enum Zlib { static func decompress(_ b: [UInt8], limit: Int) throws -> [UInt8] { b } }
enum Base64 { static func decode(_ b: some Collection<UInt8>) throws -> [UInt8] { Array(b) }
 static func encode(_ b: [UInt8], into: inout [UInt8]) {} }
extension JSONValue { init(kombuJSON b: [UInt8]) throws { self = .null } }
