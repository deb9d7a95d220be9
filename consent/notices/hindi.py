from consent.models import DataClass
from consent.notices.wording import ClassNotice, Item, Notice

PROFILE = ClassNotice(
    code=DataClass.PROFILE,
    name="प्रोफ़ाइल",
    summary="आप कौन हैं और मरीज़ कहाँ देखते हैं. इसके बिना {insurer} का काम नहीं चल सकता.",
    items=(
        Item("आपका नाम", ("full_name",)),
        Item("आप किस परिषद में पंजीकृत हैं", ("registration_council",)),
        Item("आपका पंजीकरण नंबर", ("registration_number",)),
        Item("आपकी हेल्थकेयर प्रोफ़ेशनल्स रजिस्ट्री आईडी, अगर आपके पास है", ("hpr_id",)),
        Item("आपकी विशेषज्ञता", ("specialization",)),
        Item("आप किन भाषाओं में परामर्श देते हैं", ("languages",)),
        Item("आपके अनुभव के साल", ("years_of_experience",)),
        Item("आपकी फ़ीस", ("fee",)),
        Item("आपका ईमेल पता", ("email",)),
        Item("आपका फ़ोन नंबर", ("phone",)),
        Item("आपका समय क्षेत्र", ("timezone",)),
        Item("आपकी जगहें: नाम, पता, फ़ोन और नक़्शे पर स्थान", ("locations",)),
    ),
)
CREDENTIALS = ClassNotice(
    code=DataClass.CREDENTIALS,
    name="योग्यता",
    summary="आपकी पढ़ाई के बारे में जो DocPort ने जाँचा है. आपके प्रमाणपत्रों की फ़ाइलें यहीं रहती हैं.",
    items=(
        Item("हर डिग्री या पंजीकरण जिसे DocPort ने जाँचा है", ("kind", "degree")),
        Item("उसका संस्थान और साल", ("institution", "year")),
        Item("DocPort ने उसे कब जाँचा", ("verified", "verified_at")),
        Item("वह कब तक मान्य है, अगर उसकी कोई आख़िरी तारीख़ है", ("valid_until",)),
    ),
)
AVAILABILITY = ClassNotice(
    code=DataClass.AVAILABILITY,
    name="उपलब्धता",
    summary="आपसे समय कब लिया जा सकता है. आप छुट्टी पर क्यों हैं, यह किसी को नहीं बताया जाता.",
    items=(
        Item("हर जगह आपके हफ़्ते के समय, और एक मुलाक़ात कितनी देर की है", ("windows",)),
        Item("किसी एक दिन की छुट्टी या अतिरिक्त समय, कारण के बिना", ("exceptions",)),
        Item("आपके ख़ाली समय", ("slots",)),
    ),
)
APPOINTMENTS = ClassNotice(
    code=DataClass.APPOINTMENTS,
    name="अपॉइंटमेंट",
    summary="इससे {insurer} आपके ख़ाली समय में अपने सदस्यों के लिए अपॉइंटमेंट ले सकता है.",
    items=(
        Item(
            "{insurer} आपके साथ अपने अपॉइंटमेंट ले सकता है, बदल सकता है और रद्द कर सकता है",
            ("booking",),
        ),
        Item(
            ("उन अपॉइंटमेंट के बारे में: समय, जगह, टोकन नंबर, मरीज़ आया या नहीं, और रद्द हुआ तो क्यों"),
            ("appointment",),
        ),
    ),
)

HINDI = Notice(
    version="2026-11",
    language="hi",
    insurer="{insurer}",
    information_use="{information_use}",
    purpose=(
        "ताकि {insurer} अपने सदस्यों को आपके बारे में बता सके, आपके पास मरीज़ भेज सके और उनका भुगतान कर सके."
    ),
    data_classes=(PROFILE, CREDENTIALS, AVAILABILITY, APPOINTMENTS),
    never_shared=(
        "आप साइन इन कैसे करते हैं",
        "आपके प्रमाणपत्रों की फ़ाइलें",
        "किसी भी छुट्टी का कारण",
        "दूसरी बीमा कंपनियों या उनके भेजे मरीज़ों के बारे में कुछ भी",
    ),
    withdrawal=(
        "आप जब चाहें सहमति वापस ले सकते हैं: Insurers खोलें, Withdraw चुनें और पुष्टि करें.",
        "आपको कारण बताने की ज़रूरत नहीं है.",
        "यह तुरंत लागू होता है: उसके बाद {insurer} आपके बारे में और कुछ नहीं पढ़ सकता.",
        "उसके पास जो है, उसे 30 दिन के अंदर मिटाना होगा.",
        "आपके साथ जो अपॉइंटमेंट वह पहले ले चुका है, उन्हें उनके ख़त्म होने तक पढ़ सकता है.",
        "उन्हें रखना है या रद्द करना है, यह आप चुनते हैं.",
    ),
    rights=(
        "क्या साझा होता है, यह आप देख सकते हैं और अपनी प्रोफ़ाइल में ठीक कर सकते हैं.",
        "आप कभी भी कम जानकारी या कम समय चुन सकते हैं.",
        "हर क़दम पर आपको हस्ताक्षर वाली रसीद मिलती है, जिसे आप रख सकते हैं और जाँच सकते हैं.",
    ),
    complaint=(
        "{insurer} को या यह DocPort चलाने वालों को लिखें; आपकी रसीद में दोनों के नाम हैं.",
        (
            "अगर इससे बात न बने, तो आप भारत के डेटा संरक्षण बोर्ड "
            "(Data Protection Board of India) में शिकायत कर सकते हैं."
        ),
    ),
)
