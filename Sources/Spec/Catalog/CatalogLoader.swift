internal import Foundation
internal import YAML

/// Puts the catalog together from what the files hold.
struct CatalogLoader {
    private var specs: [Located<any SpecContent>] = []
    /// Specs with errors: their references are checked all the same, so that all mistakes come in one run.
    private var drafts: [Located<any SpecContent>] = []
    /// Every identity that a document claims, also where the document has errors.
    private var places: [SpecIdentity: SourcePlace] = [:]
    private var diagnostics: [Diagnostic] = []
    private var files: [String: (bytes: [UInt8], secrets: [YAMLRange])] = [:]
    private var allowances: [AllowComment] = []
    private var reportedTenants: Set<String> = []
    private let now: Date

    /// Makes a loader for about so many files.
    init(now: Date, files: Int) {
        self.now = now
        self.files.reserveCapacity(files)
        specs.reserveCapacity(files)
        places.reserveCapacity(files)
    }

    /// Takes the next file, in the order of the paths: of two documents with one name, the first has it.
    mutating func add(_ reading: SpecFileReading) {
        let file = reading.file
        guard let tenant = tenant(of: file) else { return }
        let sink = DiagnosticSink(file: file.path, after: reading.findings)
        for document in reading.documents { add(document, tenant, sink) }
        allowances += reading.allowances
        // The bytes of every file are kept, since errors across files are only found at the end.
        files[file.path] = (file.bytes, sink.findings.secrets)
        diagnostics += sink.diagnostics
    }

    func finish(with problems: [Diagnostic]) -> SpecCatalog {
        var found: [Diagnostic] = []
        // Numbers are cheaper to move about than specs.
        let order = specs.indices.sorted { specs[$0].identity < specs[$1].identity }
        let bare = SpecIndex(sorted: order.map { specs[$0] }, claimed: places)
        let filler = DefaultsFiller(index: bare)
        let filledDrafts = drafts.map { filler.fill($0, &found) }
        let index = bare.with(fill(bare.sorted, filler, &found))
        let resolved = check(index, drafts: filledDrafts, &found)
        let schedules = ScheduleChecker(index: index, now: now).resolve(&found)
        let all = AllowComment.apply(allowances, to: diagnostics + problems + found).sorted()
        let quoted = Set(all.flatMap { [$0.place.file] + ($0.related.map { [$0.place.file] } ?? []) })
        let sources = files.filter { quoted.contains($0.key) }
            .mapValues { SourceMask.mask($0.bytes, secrets: $0.secrets) }
        return SpecCatalog(
            specs: index.sorted,
            resolvedCampaigns: resolved,
            resolvedSchedules: schedules,
            resolvedTriggers: StartChecker(index: index).resolvedTriggers(),
            policyViolations: PolicyChecker(index: index, now: now).violations(),
            diagnostics: all,
            sources: sources
        )
    }

    private func fill(
        _ specs: [Located<any SpecContent>],
        _ filler: DefaultsFiller,
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

    private mutating func tenant(of file: SpecCatalog.SourceFile) -> String? {
        let place = SourcePlace(file: file.path)
        guard let tenant = file.tenant else {
            let help = "move it into a folder that is named after the tenant"
            diagnostics.append(
                Diagnostic(.misplacedFile, at: place, "spec file outside of a tenant folder", help: help)
            )
            return nil
        }
        guard SpecIdentity.isSlug(tenant) else {
            if reportedTenants.insert(tenant).inserted {
                let help = "use lower-case letters, digits and hyphens"
                let message = "folder `\(tenant)` is not a tenant name"
                diagnostics.append(Diagnostic(.misplacedFile, at: place, message, help: help))
            }
            return nil
        }
        return tenant
    }

    private mutating func add(_ document: SpecFileReading.Document, _ tenant: String, _ sink: DiagnosticSink) {
        guard let (name, range) = document.name else { return }
        let identity = SpecIdentity(tenant: tenant, kind: document.kind, name: name)
        let place = SourcePlace(file: sink.file, range)
        if let first = places[identity] {
            let message = "\(identity.kind.rawValue) `\(name)` is defined twice in tenant `\(tenant)`"
            let related = Diagnostic.Related(place: first, label: "first defined here")
            let help = "rename or remove one of the two"
            sink.report(.duplicateSpec, at: range, field: "name", message, help: help, related: related)
            return
        }
        places[identity] = place
        guard let spec = document.spec else { return }
        let origin = SpecOrigin(place: place, node: document.node)
        let located = Located(identity: identity, value: spec, origin: origin)
        if document.isDraft { drafts.append(located) } else { specs.append(located) }
    }
}
