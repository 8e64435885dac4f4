/// Files beside the specs, and texts in several languages.
extension DiagnosticCode {
    static let mediaFamily = [mediaFile, mediaContent, mediaSize, mediaDoubt, mediaFormat, translation]

    /// Writes a template with a file in its header.
    private static func mediaTemplate(_ file: String) -> String {
        ExampleSpecs.template.replacing("body: Hi {{1}}", with: "header: { \(file) }\nbody: Hi")
    }

    public static let mediaFile = DiagnosticCode(
        "C100",
        .error,
        "file that cannot be read",
        "A path such as `./images/spring.jpg` is relative to the file of the spec. It has to lead to a regular file in the "
            + "folder of the tenant; links that leave the folder, pipes and devices are not read.",
        in: mediaTemplate("image: …"),
        wrong: "/srv/images/spring.jpg",
        right: "\"https://shop.example/spring.jpg\""
    )

    public static let mediaContent = DiagnosticCode(
        "C101",
        .error,
        "file that WhatsApp refuses",
        "WhatsApp takes images as JPEG or PNG with 8 bits a color in RGB, films as MP4 or 3GP, and documents as PDF, text or a "
            + "format of an office program. The name has the ending of the content."
    )

    public static let mediaSize = DiagnosticCode(
        "C102",
        .error,
        "file that is too large",
        "Images have at most 5 MB, films and documents beside specs 16 MB. A larger document can be given by a link."
    )

    public static let mediaDoubt = DiagnosticCode(
        "C103",
        .warning,
        "file that may not be shown",
        "WhatsApp documents images in RGB only, and phones begin to play a film only once they have its index."
    )

    public static let mediaFormat = DiagnosticCode(
        "C104",
        .error,
        "file of another kind",
        "A header or message of type `image`, `video` or `document` holds a file of that kind. Other files are given by links.",
        in: ExampleSpecs.campaign(
            replacing: ExampleSpecs.freeText,
            with: "message: { type: audio, audio: { link: \"…\" } }"
        ),
        wrong: "./jingle.mp3",
        right: "https://shop.example/jingle.mp3"
    )

    public static let translation = DiagnosticCode(
        "C105",
        .error,
        "language that differs from its template",
        "Campaigns give the same parameters to all languages of a template, so each language has the same parts and the same "
            + "variables, in any order.",
        in: ExampleSpecs.template + "\nlanguages: { pt_BR: { body: … } }",
        wrong: "Oi",
        right: "\"Oi {{1}}\""
    )
}
