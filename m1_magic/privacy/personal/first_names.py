"""Common first names, by the languages in which most of them are given. Data only.

Without those that begin many places' names, such as Charlotte, Jordan, Victoria.
"""

BY_LANGUAGE = {
    "en": "james john robert michael david william richard joseph thomas charles christopher "
    "daniel matthew anthony donald steven steve stephen paul andrew joshua kenneth kevin brian "
    "george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric jonathan larry "
    "brandon benjamin samuel gregory alexander patrick raymond jack dennis jerry aaron adam peter "
    "henry harry oliver noah liam ethan lucas bob dave tom tim jim joe sam ben alex chris mike "
    "matt nick mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa "
    "nancy betty sandra margaret ashley kimberly emily donna michelle carol amanda melissa "
    "deborah stephanie rebecca laura sharon cynthia kathleen amy angela shirley anna brenda "
    "pamela emma nicole helen samantha katherine catherine christine debra rachel janet maria "
    "diane ruth julie olivia alice eve eva jane kate lucy ella mia chloe hannah julia sophie",
    "de, nl, sv": "carla hans klaus wolfgang jürgen stefan andreas markus martin sabine petra "
    "monika ursula anja katrin lukas jonas felix jan lars sven erik",
    "fr": "jean pierre michel philippe françois nicolas marie nathalie isabelle sylvie camille "
    "julien",
    "es, pt, it": "jose josé juan carlos luis miguel antonio francisco javier manuel pedro jorge "
    "fernando ana carmen lucia pablo diego alejandro giuseppe giovanni marco luca francesco "
    "giulia chiara paolo joao joão paulo",
    "ar, tr, hi": "muhammad mohammed mohamed ahmed ali omar fatima aisha hassan ibrahim mehmet "
    "mustafa ayse amit rahul priya anil sunil raj sanjay rajesh neha pooja vijay ravi deepak arjun",
    "zh, ja": "wei yuki hiroshi takashi kenji",
    "ru": "ivan dmitri sergei olga natasha elena igor vladimir иван анна мария александр сергей "
    "елена ольга дмитрий",
}
FIRST_NAMES = frozenset(" ".join(BY_LANGUAGE.values()).split())
