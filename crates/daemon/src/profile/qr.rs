//! QR codes: on a terminal, and as a drawing.

use qrcode::{
    EcLevel, QrCode,
    render::{svg, unicode::Dense1x2},
};

use super::error::ProfileError;

fn code(text: &str) -> Result<QrCode, ProfileError> {
    QrCode::with_error_correction_level(text, EcLevel::M)
        .map_err(|error| ProfileError::Qr(error.to_string()))
}

/// Half blocks, two rows of the code in one line; `dark` for a terminal whose background is dark,
/// on which the light parts are the ones that are printed.
pub(crate) fn terminal(text: &str, dark: bool) -> Result<String, ProfileError> {
    let code = code(text)?;
    let (print, leave) = (Dense1x2::Dark, Dense1x2::Light);
    let (dark_parts, light_parts) = if dark { (leave, print) } else { (print, leave) };
    let mut renderer = code.render::<Dense1x2>();
    renderer
        .dark_color(dark_parts)
        .light_color(light_parts)
        .module_dimensions(1, 1);
    Ok(renderer.build())
}

/// A drawing in black on white.
pub(crate) fn drawing(text: &str) -> Result<String, ProfileError> {
    let code = code(text)?;
    let mut renderer = code.render::<svg::Color<'_>>();
    renderer
        .min_dimensions(320, 320)
        .dark_color(svg::Color("#000000"))
        .light_color(svg::Color("#ffffff"));
    Ok(renderer.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_shows_two_rows_in_a_line() {
        let text = terminal("https://radius.example.org/p/abc", true).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let width = lines[0].chars().count();
        // Version 3 has 29 modules, and a margin of four on each side.
        assert_eq!(width, 37);
        assert_eq!(lines.len(), 19);
        assert!(lines.iter().all(|line| line.chars().count() == width));
        // The margin is light: printed where the background is dark.
        assert!(
            lines[0].chars().all(|letter| letter == '\u{2588}'),
            "{text}"
        );
        let inverse = terminal("https://radius.example.org/p/abc", false).unwrap();
        assert!(inverse.lines().next().unwrap().trim().is_empty());
    }

    #[test]
    fn a_drawing_is_of_one_text() {
        let one = drawing("a").unwrap();
        assert!(one.contains("<svg"), "{one}");
        assert_ne!(one, drawing("b").unwrap());
        assert!(drawing(&"x".repeat(5_000)).is_err());
    }
}
