import Dispatch
import Spec

/// Reads specs from disk.
enum CatalogSource {
    /// Loads a folder; reading blocks, so it happens on a thread of its own.
    static func load(_ directory: String) async -> SpecCatalog {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: SpecCatalog.load(directory: directory)) }
        }
    }
}
