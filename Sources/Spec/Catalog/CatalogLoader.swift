internal import Foundation
internal import YAML

/// Puts the catalog together from what the files hold.
struct CatalogLoader {
    private var specs: [Located<any SpecContent>] = []
    /// Specs with errors: their references are checked all the same, so that all mistakes come in one run.
    private var drafts: [Located<any SpecContent>] = []
    /// Every identity that a document claims, also where the document has errors.
    private var claims: [SpecIdentity: SpecOrigin] = [:]
    private var diagnostics: [Diagnostic] = []
    private var files: [String: (bytes: [UInt8], secrets: [YAMLRange])] = [:]
    private var allowances: [AllowComment] = []
    private var reportedTenants: Set<String> = []
    private let now: Date

    /// Makes a loader for about so many files.
    init(now: Date, files: Int) {
        self.now = now
        self.files.reserveCapacity(files)
        // Files tend to hold several specs.
        specs.reserveCapacity(4 * files)
        claims.reserveCapacity(4 * files)
    }

    /// Takes the next file, in the order of the paths: of two documents with one name, the first has it.
    mutating func add(_ reading: SpecFileReading) {
        let file = reading.file
        guard hasTenant(file) else { return }
        let sink = DiagnosticSink(file: file.path, after: reading.findings)
        for document in reading.documents { add(document, sink) }
        allowances += reading.allowances
        // The bytes of every file are kept, since errors across files are only found at the end.
        files[file.path] = (file.bytes, sink.findings.secrets)
        diagnostics += sink.diagnostics
    }

    func finish(with problems: [Diagnostic]) -> SpecCatalog {
        var found: [Diagnostic] = []
        let bare = SpecIndex(sorted: specs.sortedByIdentity(), claimed: claims)
        let filler = TenantDefaults(index: bare)
        let filledDrafts = drafts.map { filler.fill($0, &found) }
        let index = bare.with(fill(bare.sorted, filler, &found))
        let resolved = check(index, drafts: filledDrafts, &found)
        ScheduleChecker(index: index, now: now).check(&found)
        let all = AllowComment.apply(allowances, to: diagnostics + problems + found).sortedOnce()
        let quoted = Set(all.flatMap { [$0.place.file] + ($0.related.map { [$0.place.file] } ?? []) })
        let sources = files.filter { quoted.contains($0.key) }
            .mapValues { SourceMask.mask($0.bytes, secrets: $0.secrets) }
        return SpecCatalog(
            specs: index.sorted,
            resolvedCampaigns: resolved,
            policyViolations: PolicyChecker(index: index, now: now).violations(),
            diagnostics: all,
            sources: sources
        )
    }

    private func fill(
        _ specs: [Located<any SpecContent>],
        _ filler: TenantDefaults,
        _ found: inout [Diagnostic]
    ) -> [Located<any SpecContent>] {
        let filled = specs.stretches().parallelMap(by: 1) { specs in
            var found: [Diagnostic] = []
            return (specs: specs.map { filler.fill($0, &found) }, found: found)
        }
        found += filled.flatMap(\.found)
        return filled.flatMap(\.specs)
    }

    /// Checks everything that takes more than one document to see.
    private func check(
        _ index: SpecIndex,
        drafts: [Located<any SpecContent>],
        _ found: inout [Diagnostic]
    ) -> [ResolvedCampaign] {
        // Each spec is looked at by itself, so stretches of them are looked at side by side.
        let checked = [index.sorted.stretches(), drafts.stretches()].joined().map { $0 }.parallelMap(by: 1) { specs in
            var found: [Diagnostic] = []
            let campaigns = ReferenceChecker(index: index).resolve(specs, &found)
            TenantChecker(index: index).check(specs, &found)
            StartChecker(index: index).check(specs, &found)
            MessageChecker(index: index).checkPlaceholders(specs, &found)
            return (campaigns: campaigns, found: found)
        }
        found += checked.flatMap(\.found)
        StartChecker(index: index).checkCampaigns(&found)
        MessageChecker(index: index).checkWindows(&found)
        // What drafts refer to is only checked.
        let valid = index.sorted.stretches().count
        return checked.prefix(valid).flatMap(\.campaigns)
    }

    /// Whether a file lies in the folder of a tenant; reports it if not.
    private mutating func hasTenant(_ file: SpecCatalog.SourceFile) -> Bool {
        let place = SourcePlace(file: file.path)
        guard let tenant = file.tenant else {
            let help = "move it into a folder that is named after the tenant"
            diagnostics.append(
                Diagnostic(.misplacedFile, at: place, "spec file outside of a tenant folder", help: help)
            )
            return false
        }
        guard SpecIdentity.isSlug(tenant) else {
            if reportedTenants.insert(tenant).inserted {
                let help = "use lower-case letters, digits and hyphens"
                let message = "folder `\(tenant)` is not a tenant name"
                diagnostics.append(Diagnostic(.misplacedFile, at: place, message, help: help))
            }
            return false
        }
        return true
    }

    private mutating func add(_ document: SpecFileReading.Document, _ sink: DiagnosticSink) {
        let identity = document.origin.identity
        if let first = claims[identity] {
            let message =
                "\(identity.kind.rawValue) `\(identity.name)` is defined twice in tenant `\(identity.tenant)`"
            let related = Diagnostic.Related(place: first.place, label: "first defined here")
            let help = "rename or remove one of the two"
            let range = document.origin.nameRange
            sink.report(.duplicateSpec, at: range, field: "name", message, help: help, related: related)
            return
        }
        claims[identity] = document.origin
        guard let spec = document.spec else { return }
        if document.isDraft { drafts.append(spec) } else { specs.append(spec) }
    }
}
