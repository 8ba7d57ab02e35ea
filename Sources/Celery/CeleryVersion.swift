/// The version of this package.
public let celeryVersion = "0.1.0"
