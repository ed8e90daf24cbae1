//! What words take a consent back, in every language the product speaks: one list for calls, replies and events.
//!
//! "Any reasonable means" (47 CFR 64.1200(a)(10)): the seven words of the rule are enough alone, whole phrases anywhere in
//! what was said. A doubt is a stop, but "I will stop by" is none, and "stop recording" is about the recording.

use super::understand::Utterance;
use crate::domain::consent::Purpose;

/// What the words take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// `None`: every call and message.
    pub purpose: Option<Purpose>,
    /// The phrase that says so.
    pub phrase: &'static str,
    /// Language of the phrase.
    pub language: &'static str,
}

/// Alone, or with a word of politeness, each of these is a revocation by the rule's own list (a)(10)(i), in whatever language
/// the person was addressed.
const KEYWORDS: [&str; 12] = [
    "stop",
    "quit",
    "end",
    "revoke",
    "opt out",
    "optout",
    "cancel",
    "unsubscribe",
    "stop all",
    "stopall",
    "end all",
    "cancel all",
];
/// Beside a keyword they change nothing.
const COURTESIES: [&str; 8] = ["please", "pls", "now", "ok", "okay", "thanks", "thank", "you"];

/// Phrases by language, as [`crate::definitions::compile::script::plain`] writes them. A script may add its own.
const PHRASES: [(&str, &[&str]); 9] = [
    (
        "en",
        &[
            "stop",
            "remove",
            "unsubscribe",
            "opt out",
            "opt me out",
            "remove me",
            "remove my number",
            "delete my number",
            "take me off your list",
            "take me off the list",
            "take my number off",
            "do not call",
            "do not call me",
            "dont call",
            "dont call me",
            "dont call again",
            "dont ever call",
            "never call",
            "stop calling",
            "stop calling me",
            "no more calls",
            "do not contact me",
            "dont contact me",
            "do not call list",
            "leave me alone",
            "never call me again",
            "take me off",
            "stop messaging me",
            "stop texting me",
            "stop texting",
            "stop emailing me",
            "dont text me",
            "no more messages",
            "no more texts",
            "i revoke my consent",
            "revoke my consent",
            "i withdraw my consent",
            "withdraw my consent",
        ],
    ),
    (
        "hi-Latn",
        &[
            "stop",
            "remove",
            "call mat karo",
            "call mat karna",
            "call mat kijiye",
            "call mat kariye",
            "call na karein",
            "call na kare",
            "phone mat karo",
            "phone mat karna",
            "phone mat kijiye",
            "phone na karein",
            "dobara call mat karo",
            "dobara phone mat karo",
            "phir se call mat karna",
            "calling band karo",
            "call karna band karo",
            "phone karna band karo",
            "mera number hatao",
            "mera number hata do",
            "mera number hata dijiye",
            "number hata do",
            "number delete karo",
            "list se hata do",
            "list se hatao",
            "list se nikaal do",
            "list se nikalo",
            "pareshan mat karo",
            "tang mat karo",
            "band karo",
            "mat karo call",
            "mat call karo",
            "mat karo phone",
            "call na karo",
            "message mat karo",
            "message mat bhejo",
            "sms mat bhejo",
            "message band karo",
            "call band karo",
        ],
    ),
    (
        "hi",
        &[
            "स्टॉप",
            "स्टाप",
            "रिमूव",
            "हटाओ",
            "कॉल मत करो",
            "कॉल मत करना",
            "कॉल मत कीजिए",
            "कॉल मत करिए",
            "कॉल न करें",
            "कॉल ना करें",
            "काल मत करो",
            "फ़ोन मत करो",
            "फ़ोन मत करना",
            "फ़ोन मत कीजिए",
            "फ़ोन न करें",
            "फ़ोन ना करें",
            "फोन मत करो",
            "फोन मत करना",
            "फोन मत कीजिए",
            "फोन न करें",
            "फोन ना करें",
            "दोबारा कॉल मत करो",
            "कॉल करना बंद करो",
            "फ़ोन करना बंद करो",
            "फोन करना बंद करो",
            "मेरा नंबर हटाओ",
            "मेरा नंबर हटा दो",
            "मेरा नंबर हटा दीजिए",
            "नंबर हटा दो",
            "नंबर डिलीट करो",
            "लिस्ट से हटा दो",
            "लिस्ट से हटाओ",
            "लिस्ट से निकाल दो",
            "परेशान मत करो",
            "तंग मत करो",
            "बंद करो",
            "मैसेज मत करो",
            "मैसेज मत भेजो",
            "सहमति वापस लेता हूँ",
            "सहमति वापस लेती हूँ",
        ],
    ),
    (
        "gu",
        &[
            "સ્ટોપ",
            "સ્ટૉપ",
            "રિમૂવ",
            "કૉલ ન કરો",
            "કૉલ ના કરો",
            "કૉલ ન કરશો",
            "કૉલ ના કરશો",
            "કૉલ ન કરતા",
            "કૉલ ના કરતા",
            "કોલ ન કરો",
            "કોલ ના કરો",
            "કોલ ના કરશો",
            "કોલ ના કરતા",
            "ફોન ન કરો",
            "ફોન ના કરો",
            "ફોન ન કરશો",
            "ફોન ના કરશો",
            "ફોન ન કરતા",
            "ફોન ના કરતા",
            "મારો નંબર કાઢી નાખો",
            "નંબર કાઢી નાખો",
            "મારો નંબર કાઢો",
            "યાદીમાંથી કાઢો",
            "યાદીમાંથી કાઢી નાખો",
            "લિસ્ટમાંથી કાઢો",
            "લિસ્ટમાંથી કાઢી નાખો",
            "હેરાન ન કરો",
            "હેરાન ના કરો",
            "બંધ કરો",
            "મેસેજ ન કરો",
            "મેસેજ ના કરો",
        ],
    ),
    (
        "mr",
        &[
            "स्टॉप",
            "रिमूव्ह",
            "कॉल करू नका",
            "कॉल करू नकोस",
            "कॉल नका करू",
            "फोन करू नका",
            "फोन करू नकोस",
            "फोन नका करू",
            "पुन्हा कॉल करू नका",
            "पुन्हा फोन करू नका",
            "माझा नंबर काढा",
            "माझा नंबर काढून टाका",
            "नंबर काढून टाका",
            "यादीतून काढा",
            "यादीतून काढून टाका",
            "लिस्टमधून काढा",
            "लिस्टमधून काढून टाका",
            "त्रास देऊ नका",
            "बंद करा",
            "मेसेज करू नका",
            "मेसेज पाठवू नका",
        ],
    ),
    (
        "kn",
        &[
            "ಸ್ಟಾಪ್",
            "ನಿಲ್ಲಿಸಿ",
            "ಕರೆ ಮಾಡಬೇಡಿ",
            "ಕರೆ ಮಾಡಬೇಡ",
            "ಕಾಲ್ ಮಾಡಬೇಡಿ",
            "ಕಾಲ್ ಮಾಡಬೇಡ",
            "ಫೋನ್ ಮಾಡಬೇಡಿ",
            "ಫೋನ್ ಮಾಡಬೇಡ",
            "ಮತ್ತೆ ಕರೆ ಮಾಡಬೇಡಿ",
            "ಮತ್ತೆ ಫೋನ್ ಮಾಡಬೇಡಿ",
            "ಕರೆ ಮಾಡುವುದನ್ನು ನಿಲ್ಲಿಸಿ",
            "ನನ್ನ ನಂಬರ್ ತೆಗೆಯಿರಿ",
            "ನನ್ನ ನಂಬರ್ ತೆಗೆದುಹಾಕಿ",
            "ನಂಬರ್ ತೆಗೆದುಹಾಕಿ",
            "ಪಟ್ಟಿಯಿಂದ ತೆಗೆಯಿರಿ",
            "ಪಟ್ಟಿಯಿಂದ ತೆಗೆದುಹಾಕಿ",
            "ತೊಂದರೆ ಕೊಡಬೇಡಿ",
            "ಸಂದೇಶ ಕಳುಹಿಸಬೇಡಿ",
            "ಮೆಸೇಜ್ ಮಾಡಬೇಡಿ",
        ],
    ),
    (
        "ta",
        &[
            "ஸ்டாப்",
            "நிறுத்துங்கள்",
            "நிறுத்துங்க",
            "அழைக்க வேண்டாம்",
            "அழைக்காதீர்கள்",
            "மீண்டும் அழைக்க வேண்டாம்",
            "மீண்டும் அழைக்காதீர்கள்",
            "கால் பண்ணாதீங்க",
            "கால் செய்யாதீர்கள்",
            "கால் பண்ண வேண்டாம்",
            "போன் பண்ணாதீங்க",
            "போன் செய்யாதீர்கள்",
            "போன் பண்ண வேண்டாம்",
            "ஃபோன் பண்ணாதீங்க",
            "கூப்பிடாதீங்க",
            "என் எண்ணை நீக்குங்கள்",
            "என் நம்பரை நீக்குங்கள்",
            "என் நம்பரை எடுத்துடுங்க",
            "பட்டியலில் இருந்து நீக்குங்கள்",
            "லிஸ்ட்ல இருந்து எடுத்துடுங்க",
            "தொந்தரவு செய்யாதீர்கள்",
            "தொந்தரவு பண்ணாதீங்க",
            "மெசேஜ் அனுப்பாதீங்க",
            "செய்தி அனுப்ப வேண்டாம்",
        ],
    ),
    (
        "te",
        &[
            "స్టాప్",
            "ఆపండి",
            "కాల్ చేయకండి",
            "కాల్ చేయొద్దు",
            "కాల్ చేయవద్దు",
            "ఫోన్ చేయకండి",
            "ఫోన్ చేయొద్దు",
            "ఫోన్ చేయవద్దు",
            "మళ్ళీ కాల్ చేయకండి",
            "మళ్ళీ కాల్ చేయొద్దు",
            "మళ్ళీ ఫోన్ చేయొద్దు",
            "కాల్ చేయడం ఆపండి",
            "నా నంబర్ తీసేయండి",
            "నా నంబర్ తొలగించండి",
            "నంబర్ తీసేయండి",
            "జాబితా నుండి తీసేయండి",
            "లిస్ట్ నుండి తీసేయండి",
            "ఇబ్బంది పెట్టకండి",
            "మెసేజ్ చేయకండి",
            "సందేశాలు పంపవద్దు",
        ],
    ),
    (
        "bn",
        &[
            "স্টপ",
            "রিমুভ",
            "কল করবেন না",
            "কল কোরো না",
            "কল করো না",
            "আর কল করবেন না",
            "ফোন করবেন না",
            "ফোন কোরো না",
            "ফোন করো না",
            "আর ফোন করবেন না",
            "কল করা বন্ধ করুন",
            "ফোন করা বন্ধ করুন",
            "আমার নম্বর মুছে দিন",
            "আমার নম্বর সরিয়ে দিন",
            "আমার নাম্বার মুছে দিন",
            "আমার নাম্বার সরিয়ে দিন",
            "নম্বর মুছে দিন",
            "তালিকা থেকে বাদ দিন",
            "লিস্ট থেকে বাদ দিন",
            "বিরক্ত করবেন না",
            "বন্ধ করুন",
            "মেসেজ করবেন না",
            "মেসেজ পাঠাবেন না",
        ],
    ),
];

/// Words about the recording: "stop recording" is about that, not about being called.
const RECORDING: [&str; 21] = [
    "record",
    "recording",
    "recorded",
    "tape",
    "रिकॉर्ड",
    "रिकॉर्डिंग",
    "रेकॉर्ड",
    "रेकॉर्डिंग",
    "રેકોર્ડ",
    "રેકોર્ડિંગ",
    "রেকর্ড",
    "রেকর্ডিং",
    "ರೆಕಾರ್ಡ್",
    "ರೆಕಾರ್ಡಿಂಗ್",
    "ரெக்கார்டிங்",
    "ரெகார்டிங்",
    "ரெக்கார்ட்",
    "பதிவு",
    "రికార్డ్",
    "రికార్డింగ్",
    "రికార్డు",
];
/// What is stopped may be the recording.
const STOP_SOMETHING: [&str; 16] = [
    "stop",
    "remove",
    "quit",
    "end",
    "cancel",
    "revoke",
    "band karo",
    "बंद करो",
    "बंद करा",
    "બંધ કરો",
    "ನಿಲ್ಲಿಸಿ",
    "நிறுத்துங்கள்",
    "நிறுத்துங்க",
    "ఆపండి",
    "বন্ধ করুন",
    "স্টপ",
];
/// "Don't stop" is none.
const NEGATIONS: [&str; 3] = ["dont", "not", "never"];

/// Single words such as "stop" count only in utterances this short: "I will stop by" is none.
const SHORT: usize = 4;

/// What `text`, a reply or a note of what was said, takes back; `None` when it takes back nothing. Of several phrases the one
/// in `language` is named; people mix languages, so those of all others count too.
pub fn of(text: &str, language: Option<&str>) -> Option<Revoked> {
    let said = Utterance::of(text);
    if let Some(phrase) = keyword(&said) {
        return Some(Revoked { purpose: None, phrase, language: "en" });
    }
    let found = phrases(language).find(|(_, phrase)| means(&said, phrase));
    if let Some((language, phrase)) = found {
        return Some(Revoked { purpose: None, phrase, language });
    }
    let about_recording = is_about_recording(&said).then(|| {
        phrases(language).find(|(_, phrase)| STOP_SOMETHING.contains(phrase) && said.contains(phrase))
    });
    let (language, phrase) = about_recording.flatten()?;
    Some(Revoked { purpose: Some(Purpose::Recording), phrase, language })
}

/// Is the whole of it one of the rule's keywords?
pub(super) fn keyword(said: &Utterance) -> Option<&'static str> {
    let rest: Vec<&str> = said.words().filter(|word| !COURTESIES.contains(word)).collect();
    let rest = rest.join(" ");
    KEYWORDS.into_iter().find(|keyword| *keyword == rest)
}

/// Does one of `own` phrases, or of those everybody understands, ask not to be called again?
pub(super) fn is_said<'p>(own: impl Iterator<Item = &'p str>, said: &Utterance) -> bool {
    own.chain(phrases(None).map(|(_, phrase)| phrase)).any(|phrase| means(said, phrase))
}

fn means(said: &Utterance, phrase: &str) -> bool {
    // Hardly any phrase is said: everything else is asked of those that are.
    said.contains(phrase) && is_meant(said, phrase)
}

fn is_meant(said: &Utterance, phrase: &str) -> bool {
    let is_single = !phrase.contains(' ');
    let is_in_passing = is_single && said.word_count() > SHORT;
    let is_denied = is_single && said.before(phrase).is_some_and(|word| NEGATIONS.contains(&word));
    let is_of_the_recording = STOP_SOMETHING.contains(&phrase) && is_about_recording(said);
    !(is_in_passing || is_denied || is_of_the_recording)
}

fn is_about_recording(said: &Utterance) -> bool {
    RECORDING.iter().any(|word| said.contains(word))
}

/// Language and phrase, those of `first` before the others.
fn phrases(first: Option<&str>) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_first = move |code: &str| Some(code) == first;
    let own = PHRASES.into_iter().filter(move |(code, _)| is_first(code));
    let others = PHRASES.into_iter().filter(move |(code, _)| !is_first(code));
    own.chain(others).flat_map(|(code, phrases)| phrases.iter().map(move |phrase| (code, *phrase)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::definitions::library::Library;

    // 47 CFR 64.1200(a)(10)(i): "stop," "quit," "end," "revoke," "opt out," "cancel," or "unsubscribe".
    #[rstest]
    fn the_words_of_the_rule_take_everything_back(
        #[values(
            "STOP",
            "Quit",
            "end",
            "REVOKE",
            "Opt out",
            "OPT-OUT",
            "cancel",
            "Unsubscribe.",
            "stop please",
            "Please STOP!"
        )]
        text: &str,
        #[values(None, Some("hi"), Some("xx"))] language: Option<&str>,
    ) {
        assert_eq!(of(text, language).map(|revoked| revoked.purpose), Some(None));
    }

    #[rstest]
    #[case::english("I told you, do not call me", Some("en"), "en")]
    #[case::firmly("No, stop!", Some("en"), "en")]
    #[case::apostrophe("Don’t text me again", Some("en"), "en")]
    #[case::withdrawn("I hereby withdraw my consent to these calls.", None, "en")]
    #[case::hinglish("bhai message mat karo", Some("hi-Latn"), "hi-Latn")]
    #[case::hindi("मुझे कॉल मत करो", Some("hi"), "hi")]
    #[case::gujarati("મને ફોન ના કરશો", Some("gu"), "gu")]
    #[case::marathi("मला पुन्हा फोन करू नका", Some("mr"), "mr")]
    #[case::kannada("ನನಗೆ ಕರೆ ಮಾಡಬೇಡಿ", Some("kn"), "kn")]
    #[case::tamil("போன் பண்ணாதீங்க", Some("ta"), "ta")]
    #[case::telugu("నాకు ఫోన్ చేయకండి", Some("te"), "te")]
    #[case::bangla("আমাকে আর কল করবেন না", Some("bn"), "bn")]
    #[case::another_language_than_expected("போன் பண்ணாதீங்க", Some("en"), "ta")]
    fn phrases_are_understood_in_every_language(
        #[case] text: &str,
        #[case] language: Option<&str>,
        #[case] expected: &str,
    ) {
        let revoked = of(text, language).expect("a revocation");
        assert_eq!((revoked.purpose, revoked.language), (None, expected));
    }

    #[rstest]
    #[case("I will stop by the office tomorrow")]
    #[case("please cancel my appointment on Friday")]
    #[case("the end of the month is better")]
    #[case("don't stop")]
    #[case("yes, call me at five")]
    #[case("एक मिनट रुको")]
    #[case("")]
    #[case("…")]
    fn what_only_sounds_like_it_is_none(#[case] text: &str) {
        assert_eq!(of(text, None), None);
    }

    #[rstest]
    #[case("stop recording")]
    #[case("please stop recording me")]
    #[case("recording band karo")]
    #[case("রেকর্ডিং বন্ধ করুন")]
    fn to_stop_the_recording_takes_back_that_alone(#[case] text: &str) {
        assert_eq!(of(text, None).map(|revoked| revoked.purpose), Some(Some(Purpose::Recording)));
    }

    #[test]
    fn to_stop_calls_and_the_recording_takes_back_everything() {
        let revoked = of("stop recording and don't call me again", Some("en"));
        assert_eq!(revoked.map(|revoked| revoked.purpose), Some(None));
    }

    #[test]
    fn what_the_shared_words_of_the_scripts_know_is_known_here() {
        let library = Library::embedded();
        let common =
            library.scripts().find(|script| script.key == "common").expect("the shared words").clone();
        for (language, words) in &common.languages {
            for phrase in words.answers.get("opt_out").into_iter().flatten() {
                assert!(of(phrase, Some(language)).is_some(), "{language}: {phrase}");
            }
        }
    }
}
