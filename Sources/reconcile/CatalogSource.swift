import Reconciler
import Spec

/// Reads specs from disk.
enum CatalogSource {
    /// Loads a folder; reading blocks, so it happens on a thread of its own.
    static func load(_ directory: String) async -> SpecCatalog {
        let catalog = await BlockingWork.run { SpecCatalog.load(directory: directory) }
        UntilExit.keep(catalog)
        return catalog
    }
}
