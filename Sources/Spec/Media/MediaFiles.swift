import JSON

/// A file beside the specs that one of them names.
public struct MediaFile: Hashable, Sendable {
    /// A file has changed since it was inspected, or is gone.
    public struct Changed: Error, Hashable, Sendable, CustomStringConvertible {
        let path: String
        public var description: String { "\(path) has changed since the plan was made; make the plan again" }
    }

    public let tenant: String
    public let reference: MediaReference
    /// The path to open, without links.
    let target: String
    /// The path below the folder of all specs, such as `acme/images/spring.jpg`.
    public fileprivate(set) var path: String

    /// Reads the file, which blocks.
    ///
    /// - Throws: ``Changed`` if the content is not that of the plan any more.
    public func bytes() throws(Changed) -> [UInt8] {
        guard case .success(let bytes) = SpecFiles.bytes(of: target, upTo: MediaFiles.largest),
            let inspection = try? MediaInspection(bytes, name: target), inspection.reference == reference
        else { throw Changed(path: target) }
        return bytes
    }

    /// Returns the path by which a spec in a folder names the file, such as `../images/spring.jpg`; `nil` if there is no such
    /// folder.
    package func path(from folder: String) -> String? {
        guard let real = SpecFiles.resolved(folder) else { return nil }
        let (own, other) = (target.split(separator: "/"), real.split(separator: "/"))
        let shared = zip(own, other).prefix { $0 == $1 }.count
        let up = other.count - shared
        let steps = up == 0 ? ["."] : [String](repeating: "..", count: up)
        return (steps + own.dropFirst(shared).map(String.init)).joined(separator: "/")
    }
}

/// Finds the files that specs name by their paths, and puts references to their contents in place of the paths.
///
/// It inspects each file once, and keeps no contents.
final class MediaFiles {
    /// The most bytes of a file beside a spec.
    static let largest = 16 << 20

    /// Returns true for a text that is meant as a path.
    static func isPath(_ text: String) -> Bool {
        text.hasPrefix("./") || text.hasPrefix("../") || text.hasPrefix("/")
    }

    /// Returns true for a text that names a file beside the spec, or that plans have in place of the path of one.
    static func isFile(_ text: String) -> Bool { isPath(text) || MediaReference(text) != nil }

    /// The files that were found, by tenant and content.
    private(set) var found: Set<MediaFile> = []
    /// The folder of all specs; `nil` if they are in memory, without files beside them.
    private let root: String?
    /// The types of those that were found, by tenant and digest.
    private var types: [String: String] = [:]
    private var known: [String: Result<(target: String, inspection: MediaInspection), MediaProblem>] = [:]

    init(root: String?) {
        self.root = root.map { $0.count > 1 && $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
    }

    /// Replaces the paths in a template or a campaign, and reports files that cannot be sent.
    func fill(_ located: Located<any SpecContent>, _ problems: inout [Diagnostic]) -> Located<any SpecContent> {
        switch located.value {
        case let template as TemplateSpec where template.namesFiles:
            return located.map { _ in fill(template, located, &problems) } ?? located
        case let campaign as CampaignSpec where campaign.namesFiles:
            return located.map { _ in fill(campaign, located, &problems) } ?? located
        default: return located
        }
    }

    private func fill(
        _ template: TemplateSpec,
        _ located: Located<any SpecContent>,
        _ problems: inout [Diagnostic]
    ) -> TemplateSpec {
        func header(_ header: TemplateHeader, _ path: String) -> TemplateHeader {
            guard case .medium(let format, .file(let text)) = header else { return header }
            let field = "\(path).\(format.rawValue)"
            return .medium(
                format,
                .stored(reference(text, format, located, field, at: located.place(of: field), &problems))
            )
        }
        // A language that leaves its headers out has those of the template.
        func samples(_ examples: [String: String]?, _ path: String) -> [String: String]? {
            examples.map { examples in
                Dictionary(
                    uniqueKeysWithValues: examples.map { key, text in
                        guard key.hasSuffix("header.link"), Self.isFile(text) else { return (key, text) }
                        let place = located.keyPlace(of: key, in: path)
                        let cards = template.cards.enumerated()
                        let header =
                            cards.first { key == "\(TemplateParameter.prefix($0.offset))header.link" }?.element.header
                            ?? template.top
                        return (
                            key, reference(text, header?.format, located, "\(path).\(key)", at: place, &problems).text
                        )
                    }
                )
            }
        }
        var spec = template
        spec.top = spec.top.map { header($0, "header") }
        for index in spec.cards.indices {
            spec.cards[index].header = header(spec.cards[index].header, "cards[\(index)].header")
        }
        spec.examples = samples(spec.examples, "examples")
        for (code, translation) in spec.languages.sorted(by: { $0.key < $1.key }) {
            var changed = translation
            changed.header = translation.header.map { header($0, "languages.\(code).header") }
            for index in changed.cards.indices {
                changed.cards[index].header =
                    header(changed.cards[index].header, "languages.\(code).cards[\(index)].header")
            }
            changed.examples = samples(translation.examples, "languages.\(code).examples")
            spec.languages[code] = changed
        }
        return spec
    }

    private func fill(
        _ campaign: CampaignSpec,
        _ located: Located<any SpecContent>,
        _ problems: inout [Diagnostic]
    ) -> CampaignSpec {
        var spec = campaign
        switch campaign.content {
        case .template(let name, var params):
            for (key, text) in params.sorted(by: { $0.key < $1.key })
            where key.hasSuffix("header.link") && Self.isFile(text) {
                let place = located.keyPlace(of: key, in: "params")
                // The kind is checked with the template.
                params[key] = reference(text, nil, located, "params.\(key)", at: place, &problems).text
            }
            spec.content = .template(name, params: params)
        case .message(let message):
            spec.content = .message(fill(message, nil, "message", located, &problems))
        }
        return spec
    }

    /// Replaces the paths in the links of a raw message.
    private func fill(
        _ value: JSONValue,
        _ key: String?,
        _ field: String,
        _ located: Located<any SpecContent>,
        _ problems: inout [Diagnostic]
    ) -> JSONValue {
        switch value {
        case .array(let items):
            return .array(
                items.enumerated().map { fill($1, nil, "\(field)[\($0)]", located, &problems) }
            )
        case .object(var fields):
            for (name, inner) in fields.sorted(by: { $0.key < $1.key }) {
                guard name == "link", let text = inner.stringValue, Self.isFile(text) else {
                    fields[name] = fill(inner, name, "\(field).\(name)", located, &problems)
                    continue
                }
                let place = located.place(of: "\(field).link")
                guard let format = key.flatMap(TemplateHeader.Format.init(rawValue:)) else {
                    let message = "a file beside the spec can be sent as an image, a video or a document"
                    let help = "give a link that starts with `https://`"
                    problems.append(
                        Diagnostic(.mediaFormat, at: place, field: "\(field).link", message, help: help)
                    )
                    continue
                }
                fields[name] = .string(
                    reference(text, format, located, "\(field).link", at: place, &problems).text
                )
            }
            return .object(fields)
        case .null, .bool, .integer, .number, .string: return value
        }
    }
}

extension MediaFiles {
    /// A reference for a file with problems, which were reported; such specs are never applied.
    private static let unusable = MediaReference(
        digest: String(repeating: "0", count: 64),
        type: "image/jpeg",
        count: 0
    )

    /// Returns the reference to a file, and reports what is wrong with it.
    private func reference(
        _ path: String,
        _ format: TemplateHeader.Format?,
        _ located: Located<any SpecContent>,
        _ field: String,
        at place: SourcePlace,
        _ problems: inout [Diagnostic]
    ) -> MediaReference {
        func report(_ problem: MediaProblem) {
            problems.append(
                Diagnostic(problem.code, at: place, field: field, "`\(path)`: \(problem.message)", help: problem.help)
            )
        }
        let tenant = located.identity.tenant
        switch inspection(of: path, besides: located.place.file, tenant: tenant) {
        case .failure(let problem):
            report(problem)
            return Self.unusable
        case .success(let (target, inspection)):
            let reference = inspection.reference
            inspection.doubts.forEach(report)
            if let format, format != reference.format {
                let help = "name a file of that kind, or write `\(reference.format.rawValue)`"
                report(
                    MediaProblem(
                        .mediaFormat,
                        "this is `\(reference.type)`, and the field holds \(format.phrase)",
                        help: help
                    )
                )
            }
            let name = target.split(separator: "/").last.map(String.init) ?? target
            var file = MediaFile(tenant: tenant, reference: reference, target: target, path: name)
            if let path = root.flatMap(file.path(from:)), path.hasPrefix("./") { file.path = String(path.dropFirst(2)) }
            // A content is stored once, with one type, and endings alone tell the formats of office programs apart.
            let former = types.updateValue(reference.type, forKey: "\(tenant)/\(reference.digest)")
            if let type = former, type != reference.type {
                let help = "one of the endings is wrong: give both files that of their content"
                report(
                    MediaProblem(
                        .mediaContent,
                        "another file with the same content is `\(type)`, and this is `\(reference.type)`",
                        help: help
                    )
                )
            }
            found.insert(file)
            return reference
        }
    }

    private func inspection(
        of path: String,
        besides file: String,
        tenant: String
    ) -> Result<(target: String, inspection: MediaInspection), MediaProblem> {
        let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
        let whole = "\(folder)/\(path)"
        if let result = known[whole] { return result }
        let result = inspect(path, at: whole, tenant: tenant)
        known[whole] = result
        return result
    }

    private func inspect(
        _ path: String,
        at whole: String,
        tenant: String
    ) -> Result<(target: String, inspection: MediaInspection), MediaProblem> {
        func failure(_ message: String, _ help: String) -> Result<
            (target: String, inspection: MediaInspection), MediaProblem
        > {
            .failure(MediaProblem(.mediaFile, message, help: help))
        }
        guard MediaReference(path) == nil else {
            return failure(
                "this is what plans show in place of a path",
                "write the path of the file, such as `./images/spring.jpg`; `reconcile export` writes stored files out"
            )
        }
        guard !path.hasPrefix("/") else {
            return failure("the path is absolute", "write it relative to the file of the spec: `./images/spring.jpg`")
        }
        guard !path.contains("{{") else {
            return failure("a path has no placeholders", "name one file for all recipients, or give a link")
        }
        guard let root, let folder = SpecFiles.resolved("\(root)/\(tenant)") else {
            return failure("there are no files beside these specs", "give a link that starts with `https://`")
        }
        guard let target = SpecFiles.resolved(whole) else {
            return failure("there is no such file", "check the path; it is relative to the file of the spec")
        }
        guard SpecFiles.isInside(target, folder: folder) else {
            return failure("the file is outside of the folder of the tenant", "put a copy of it into the folder")
        }
        switch SpecFiles.bytes(of: target, upTo: Self.largest) {
        case .failure(let problem): return failure(problem.message, problem.help)
        case .success(let bytes):
            do throws(MediaProblem) {
                return .success((target, try MediaInspection(bytes, name: target)))
            } catch {
                return .failure(error)
            }
        }
    }
}

extension TemplateHeader.Format {
    /// The kind with its article.
    var phrase: String {
        switch self {
        case .image: "an image"
        case .video: "a video"
        case .document: "a document"
        }
    }
}

extension TemplateHeader {
    fileprivate var namesFile: Bool { if case .medium(_, .file) = self { true } else { false } }
    fileprivate var isStored: Bool { if case .medium(_, .stored) = self { true } else { false } }
}

extension TemplateSpec {
    /// True if it names a file that was beside a spec, which only specs do.
    public var hasStoredFile: Bool {
        submissions.contains { spec in
            spec.top?.isStored == true || spec.cards.contains(where: \.header.isStored)
                || spec.examples?.values.contains { MediaReference($0) != nil } == true
        }
    }

    fileprivate var namesFiles: Bool {
        let all = [(top, cards, examples)] + languages.values.map { ($0.header, $0.cards, $0.examples) }
        return all.contains { header, cards, examples in
            header?.namesFile == true || cards.contains(where: \.header.namesFile)
                || examples?.values.contains(where: MediaFiles.isFile) == true
        }
    }
}

extension CampaignSpec {
    fileprivate var namesFiles: Bool {
        switch content {
        case .template(_, let params):
            params.contains { $0.key.hasSuffix("header.link") && MediaFiles.isFile($0.value) }
        case .message(let message): Self.namesFile(message)
        }
    }

    private static func namesFile(_ value: JSONValue) -> Bool {
        switch value {
        case .array(let items): items.contains(where: namesFile)
        case .object(let fields):
            fields.contains { $0.key == "link" && $0.value.stringValue.map(MediaFiles.isFile) == true }
                || fields.values.contains(where: namesFile)
        case .null, .bool, .integer, .number, .string: false
        }
    }
}
