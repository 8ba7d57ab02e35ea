internal import Celery

/// What `--version` prints.
package enum ProgramVersion {
    /// This package and its version.
    package static let package = "swift-celery \(celeryVersion)"
}
