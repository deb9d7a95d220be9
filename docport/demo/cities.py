"""Where the demo doctors practise: real quarters of real cities, with their PIN codes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quarter:
    """A part of a city, with a point in it."""

    name: str
    pin: str
    latitude: float
    longitude: float
    streets: tuple[str, ...]


@dataclass(frozen=True)
class City:
    """A city, who registers doctors in its state, and what people there speak."""

    name: str
    state: str
    council: str
    languages: tuple[str, ...]
    regions: tuple[str, ...]
    quarters: tuple[Quarter, ...]
    institutions: tuple[str, ...]


CITIES = (
    City(
        "Bengaluru",
        "KA",
        "KMC",
        ("kn", "hi", "te", "ta"),
        ("kannada", "telugu", "tamil"),
        (
            Quarter("Jayanagar", "560011", 12.9299, 77.5826, ("11th Main Road", "30th Cross")),
            Quarter("Indiranagar", "560038", 12.9719, 77.6412, ("100 Feet Road", "12th Main")),
            Quarter("Malleshwaram", "560003", 13.0031, 77.5643, ("Margosa Road", "8th Cross")),
            Quarter("Koramangala", "560034", 12.9279, 77.6271, ("80 Feet Road", "5th Block")),
            Quarter("Whitefield", "560066", 12.9698, 77.7500, ("Main Road", "ECC Road")),
        ),
        ("Bangalore Medical College", "St John's Medical College", "Mysore Medical College"),
    ),
    City(
        "Mumbai",
        "MH",
        "MMC",
        ("mr", "hi", "gu"),
        ("marathi", "gujarati", "parsi"),
        (
            Quarter("Dadar West", "400028", 19.0178, 72.8478, ("Gokhale Road", "Ranade Road")),
            Quarter("Bandra West", "400050", 19.0596, 72.8295, ("Hill Road", "Linking Road")),
            Quarter("Andheri East", "400069", 19.1136, 72.8697, ("Old Nagardas Road", "M V Road")),
            Quarter("Mulund West", "400080", 19.1726, 72.9425, ("Zaver Road", "R H B Road")),
        ),
        ("Grant Medical College", "Seth G S Medical College", "Topiwala National Medical College"),
    ),
    City(
        "Pune",
        "MH",
        "MMC",
        ("mr", "hi"),
        ("marathi",),
        (
            Quarter("Kothrud", "411038", 18.5074, 73.8077, ("Paud Road", "Karve Road")),
            Quarter("Aundh", "411007", 18.5580, 73.8075, ("D P Road", "ITI Road")),
            Quarter("Camp", "411001", 18.5158, 73.8772, ("East Street", "M G Road")),
        ),
        ("B J Medical College", "Armed Forces Medical College"),
    ),
    City(
        "New Delhi",
        "DL",
        "DMC",
        ("hi", "pa", "ur"),
        ("hindi", "punjabi", "urdu"),
        (
            Quarter("Karol Bagh", "110005", 28.6514, 77.1907, ("Pusa Road", "Ajmal Khan Road")),
            Quarter("Lajpat Nagar", "110024", 28.5677, 77.2433, ("Ring Road", "Central Market")),
            Quarter("Dwarka", "110075", 28.5921, 77.0460, ("Sector 6", "Sector 12")),
            Quarter("Rohini", "110085", 28.7180, 77.1185, ("Sector 7", "Sector 9")),
        ),
        ("Maulana Azad Medical College", "Lady Hardinge Medical College"),
    ),
    City(
        "Chennai",
        "TN",
        "TNMC",
        ("ta", "te"),
        ("tamil", "telugu"),
        (
            Quarter("T Nagar", "600017", 13.0418, 80.2341, ("Usman Road", "Habibullah Road")),
            Quarter("Mylapore", "600004", 13.0339, 80.2696, ("R K Mutt Road", "Luz Church Road")),
            Quarter("Adyar", "600020", 13.0067, 80.2572, ("L B Road", "Gandhi Nagar 2nd Main")),
            Quarter("Anna Nagar", "600040", 13.0850, 80.2101, ("2nd Avenue", "Shanthi Colony")),
        ),
        ("Madras Medical College", "Stanley Medical College", "Kilpauk Medical College"),
    ),
    City(
        "Hyderabad",
        "TS",
        "TSMC",
        ("te", "ur", "hi"),
        ("telugu", "urdu"),
        (
            Quarter("Banjara Hills", "500034", 17.4156, 78.4347, ("Road No 1", "Road No 12")),
            Quarter("Ameerpet", "500016", 17.4375, 78.4483, ("S R Nagar Road", "Greenlands Road")),
            Quarter("Kukatpally", "500072", 17.4849, 78.4138, ("KPHB 5th Phase", "Main Road")),
        ),
        ("Osmania Medical College", "Gandhi Medical College"),
    ),
    City(
        "Kolkata",
        "WB",
        "WBMC",
        ("bn", "hi"),
        ("bengali",),
        (
            Quarter("Ballygunge", "700019", 22.5280, 88.3659, ("Gariahat Road", "Rash Behari Ave")),
            Quarter("Salt Lake", "700064", 22.5867, 88.4171, ("Sector 1, BD Block", "CA Block")),
            Quarter(
                "Behala", "700034", 22.4989, 88.3100, ("Diamond Harbour Road", "James Long Sn")
            ),
        ),
        ("Medical College Kolkata", "Nil Ratan Sircar Medical College"),
    ),
    City(
        "Kochi",
        "KL",
        "TCMC",
        ("ml", "ta"),
        ("malayalam",),
        (
            Quarter("Ernakulam South", "682016", 9.9674, 76.2900, ("M G Road", "Chittoor Road")),
            Quarter("Kaloor", "682017", 9.9970, 76.3028, ("Deshabhimani Road", "Banerji Road")),
            Quarter("Edappally", "682024", 10.0261, 76.3125, ("Bypass Junction", "Toll Road")),
        ),
        ("Government Medical College Kottayam", "Medical College Thiruvananthapuram"),
    ),
    City(
        "Ahmedabad",
        "GJ",
        "GMC",
        ("gu", "hi"),
        ("gujarati",),
        (
            Quarter("Navrangpura", "380009", 23.0365, 72.5611, ("C G Road", "Swastik Cross Road")),
            Quarter("Maninagar", "380008", 22.9962, 72.6026, ("Jawahar Chowk", "Bhairavnath Road")),
        ),
        ("B J Medical College Ahmedabad", "NHL Municipal Medical College"),
    ),
)
