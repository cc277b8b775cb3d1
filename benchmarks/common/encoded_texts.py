"""Texts of customers in many languages, with the legacy encodings in which files of each language are found.

Each language has a short text (one sentence), a medium one (three sentences) and a long one (eight lines).
"""

# ruff: noqa: RUF001

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LanguageTexts:
    """Texts of one language and the Python names of its legacy encodings."""

    language: str
    region: str
    encodings: tuple[str, ...]
    lines: tuple[str, ...]

    def samples(self) -> dict[str, str]:
        """Return the texts by length: `short`, `medium`, `long`."""
        return {
            "short": self.lines[0] + "\n",
            "medium": "\n".join(self.lines[1:4]) + "\n",
            "long": "\n".join(self.lines) + "\n",
        }


CENTRAL = ("cp1250", "iso8859-2")
TURKISH = ("cp1254", "iso8859-9")
BALTIC = ("cp1257", "iso8859-13")
CYRILLIC = ("cp1251", "koi8-r", "iso8859-5", "cp866")
WESTERN = ("cp1252", "iso8859-15")

LANGUAGES = (
    LanguageTexts("Polish", "Central European", CENTRAL, (
        "Gdzie jest moja paczka? Zamówiłem ją tydzień temu.",
        "Proszę o zwrot pieniędzy za uszkodzony płaszcz.",
        "Aplikacja zawiesza się, gdy próbuję się zalogować.",
        "Dlaczego opłata została pobrana dwa razy?",
        "Chciałbym zmienić adres dostawy na biuro w Łodzi.",
        "Obsługa była świetna, dziękuję za szybką odpowiedź!",
        "Żarówka przestała świecić już po trzech dniach.",
        "Źle naliczono rabat, powinno być dwadzieścia złotych mniej.",
    )),
    LanguageTexts("Czech", "Central European", CENTRAL, (
        "Kde je můj balík? Objednal jsem ho před týdnem.",
        "Žádám o vrácení peněz za poškozený kabát.",
        "Aplikace spadne pokaždé, když se chci přihlásit.",
        "Proč mi byla částka stržena dvakrát?",
        "Rád bych změnil dodací adresu na kancelář v Plzni.",
        "Obsluha byla skvělá, děkuji za rychlou odpověď!",
        "Žárovka přestala svítit už po třech dnech.",
        "Ještě jsem nedostal žádné potvrzení e-mailem.",
    )),
    LanguageTexts("Slovak", "Central European", CENTRAL, (
        "Kde je môj balík? Objednal som ho pred týždňom.",
        "Žiadam o vrátenie peňazí za poškodený kabát.",
        "Aplikácia spadne vždy, keď sa chcem prihlásiť.",
        "Prečo mi bola suma stiahnutá dvakrát?",
        "Rád by som zmenil adresu doručenia na kanceláriu v Žiline.",
        "Obsluha bola vynikajúca, ďakujem za rýchlu odpoveď!",
        "Žiarovka prestala svietiť už po troch dňoch.",
        "Ešte som nedostal žiadne potvrdenie e-mailom.",
    )),
    LanguageTexts("Hungarian", "Central European", CENTRAL, (
        "Hol van a csomagom? Már egy hete megrendeltem, és még nem jött meg.",
        "Kérem vissza a pénzemet a sérült kabátért, mert így használhatatlan.",
        "Az alkalmazás lefagy, amikor be akarok lépni a fiókomba.",
        "Miért vonták le kétszer az összeget a kártyámról?",
        "Szeretném módosítani a szállítási címet a győri irodára.",
        "A kiszolgálás kitűnő volt, köszönöm a gyors választ!",
        "Az izzó már három nap után nem működött többé.",
        "Még nem kaptam semmilyen visszaigazolást a rendelésről, kérem, küldjék el újra.",
    )),
    LanguageTexts("Romanian", "Central European", CENTRAL, (
        "Unde este coletul meu? L-am comandat acum o săptămână.",
        "Vă rog să îmi înapoiaţi banii pentru haina deteriorată.",
        "Aplicaţia se blochează când încerc să mă conectez.",
        "De ce mi-a fost retrasă suma de două ori?",
        "Aş dori să schimb adresa de livrare la biroul din Braşov.",
        "Serviciul a fost excelent, mulţumesc pentru răspunsul rapid!",
        "Becul s-a stins după numai trei zile.",
        "Încă nu am primit nicio confirmare prin poştă electronică.",
    )),
    LanguageTexts("Croatian", "Central European", CENTRAL, (
        "Gdje je moj paket? Naručio sam ga prije tjedan dana i još nije stigao.",
        "Molim povrat novca za oštećeni kaput, račun šaljem u prilogu.",
        "Aplikacija se ruši kad se želim prijaviti na svoj račun.",
        "Zašto mi je iznos naplaćen dvaput? Tražim povrat što prije.",
        "Želio bih promijeniti adresu dostave na ured u Čakovcu.",
        "Usluga je bila odlična, hvala na brzom odgovoru, sve pohvale!",
        "Žarulja je prestala raditi već nakon tri dana korištenja.",
        "Još uvijek nisam dobio potvrdu narudžbe, može li netko provjeriti?",
    )),
    LanguageTexts("Slovene", "Central European", CENTRAL, (
        "Kje je moj paket? Naročil sem ga že pred enim tednom.",
        "Prosim za vračilo denarja za poškodovan plašč, račun pošiljam v prilogi.",
        "Aplikacija se zruši, ko se želim prijaviti v svoj račun.",
        "Zakaj mi je bil znesek zaračunan dvakrat? Želim vračilo čim prej.",
        "Rad bi spremenil naslov za dostavo v pisarno v Črnomlju.",
        "Storitev je bila odlična, najlepša hvala za hiter odgovor, še naprej tako!",
        "Žarnica je prenehala svetiti že po treh dneh uporabe.",
        "Še vedno nisem prejel potrditve naročila, ali lahko preverite?",
    )),
    LanguageTexts("Turkish", "Turkish", TURKISH, (
        "Kargom nerede? Geçen hafta sipariş verdim, hâlâ gelmedi.",
        "Hasarlı ceket için paramın iadesini istiyorum, lütfen yardımcı olun.",
        "Giriş yapmaya çalıştığımda uygulama çöküyor ve kapanıyor.",
        "Ücret neden kartımdan iki kez çekildi?",
        "Teslimat adresimi İzmir'deki ofis olarak değiştirmek istiyorum.",
        "Müşteri hizmetleri çok iyiydi, hızlı cevabınız için teşekkürler!",
        "Ampul üç gün sonra yanmamaya başladı, değiştirir misiniz?",
        "Henüz sipariş onayı almadım, şubeye de sordum ama bilgi veremediler.",
    )),
    LanguageTexts("Estonian", "Baltic", BALTIC, (
        "Kus on minu pakk? Tellisin selle nädal tagasi ja see pole veel jõudnud.",
        "Palun tagastage raha kahjustatud mantli eest, lisan pildi juurde.",
        "Rakendus jookseb kokku, kui püüan sisse logida oma kontole.",
        "Miks võeti summa kaks korda maha? Palun selgitage seda mulle.",
        "Sooviksin muuta tarneaadressi, et pakk jõuaks Võru kontorisse.",
        "Teenindus oli väga hea, aitäh kiire vastuse eest, tänan südamest!",
        "Pirn lõpetas põlemise juba kolme päeva pärast, äärmiselt kehv.",
        "Ma pole veel saanud kinnitust, kas tellimus läks üldse läbi või mitte?",
    )),
    LanguageTexts("Latvian", "Baltic", BALTIC, (
        "Kur ir mans sūtījums? Es to pasūtīju pirms nedēļas.",
        "Lūdzu atgriezt naudu par bojāto mēteli.",
        "Lietotne avarē, kad mēģinu pieslēgties savam kontam.",
        "Kāpēc summa tika noņemta divas reizes?",
        "Vēlos mainīt piegādes adresi uz biroju Jēkabpilī.",
        "Apkalpošana bija lieliska, paldies par ātro atbildi!",
        "Spuldze pārstāja degt jau pēc trim dienām.",
        "Es vēl neesmu saņēmis nekādu apstiprinājumu, šķiet, ka kaut kas ir nogājis greizi.",
    )),
    LanguageTexts("Lithuanian", "Baltic", BALTIC, (
        "Kur yra mano siuntinys? Užsisakiau jį prieš savaitę.",
        "Prašau grąžinti pinigus už sugadintą paltą.",
        "Programėlė užstringa, kai bandau prisijungti.",
        "Kodėl suma buvo nuskaičiuota du kartus?",
        "Norėčiau pakeisti pristatymo adresą į biurą Šiauliuose.",
        "Aptarnavimas buvo puikus, ačiū už greitą atsakymą!",
        "Lemputė nustojo šviesti jau po trijų dienų.",
        "Dar negavau jokio patvirtinimo, ar galėtumėte patikrinti užsakymą?",
    )),
    LanguageTexts("Russian", "Cyrillic", CYRILLIC, (
        "Где моя посылка? Я заказал её неделю назад.",
        "Прошу вернуть деньги за повреждённое пальто.",
        "Приложение вылетает, когда я пытаюсь войти.",
        "Почему сумма была списана дважды?",
        "Я хотел бы изменить адрес доставки на офис в Туле.",
        "Обслуживание было отличным, спасибо за быстрый ответ!",
        "Лампочка перестала гореть уже через три дня.",
        "Я всё ещё не получил подтверждение заказа.",
    )),
    LanguageTexts("Ukrainian", "Cyrillic", ("cp1251", "koi8-u"), (
        "Де моя посилка? Я замовив її тиждень тому.",
        "Прошу повернути гроші за пошкоджене пальто.",
        "Застосунок зависає, коли я намагаюся увійти.",
        "Чому суму було списано двічі?",
        "Я хотів би змінити адресу доставки на офіс у Львові.",
        "Обслуговування було чудовим, дякую за швидку відповідь!",
        "Лампочка перестала світити вже через три дні.",
        "Я досі не отримав підтвердження замовлення.",
    )),
    LanguageTexts("Bulgarian", "Cyrillic", ("cp1251", "iso8859-5"), (
        "Къде е моят колет? Поръчах го преди една седмица.",
        "Моля да ми върнете парите за повреденото палто.",
        "Приложението спира, когато се опитвам да вляза.",
        "Защо сумата е изтеглена два пъти?",
        "Бих искал да сменя адреса за доставка на офиса в Русе.",
        "Обслужването беше отлично, благодаря за бързия отговор!",
        "Крушката спря да свети само след три дни.",
        "Още не съм получил потвърждение на поръчката.",
    )),
    LanguageTexts("Greek", "Greek", ("cp1253", "iso8859-7"), (
        "Πού είναι το δέμα μου; Το παρήγγειλα πριν από μία εβδομάδα.",
        "Παρακαλώ να μου επιστρέψετε τα χρήματα για το παλτό.",
        "Η εφαρμογή κολλάει όταν προσπαθώ να συνδεθώ.",
        "Γιατί χρεώθηκε το ποσό δύο φορές;",
        "Θα ήθελα να αλλάξω τη διεύθυνση παράδοσης.",
        "Η εξυπηρέτηση ήταν άψογη, ευχαριστώ για τη γρήγορη απάντηση!",
        "Ο λαμπτήρας κάηκε μετά από τρεις μόλις ημέρες.",
        "Άλλαξα κωδικό, αλλά δεν έχω λάβει ακόμα επιβεβαίωση.",
    )),
    LanguageTexts("Hebrew", "Hebrew and Arabic", ("cp1255", "iso8859-8"), (
        "איפה החבילה שלי? הזמנתי אותה לפני שבוע.",
        "אני מבקש החזר כספי על המעיל הפגום.",
        "היישום קורס כשאני מנסה להתחבר.",
        "מדוע חויבתי פעמיים באותו סכום?",
        "ברצוני לשנות את כתובת המשלוח למשרד בחיפה.",
        "השירות היה מצוין, תודה על התשובה המהירה!",
        "הנורה הפסיקה לעבוד אחרי שלושה ימים.",
        "עדיין לא קיבלתי אישור על ההזמנה.",
    )),
    LanguageTexts("Arabic", "Hebrew and Arabic", ("cp1256", "iso8859-6"), (
        "أين طردي؟ لقد طلبته قبل أسبوع.",
        "أرجو إعادة المبلغ عن المعطف التالف.",
        "يتوقف التطبيق عندما أحاول تسجيل الدخول.",
        "لماذا تم خصم المبلغ مرتين؟",
        "أود تغيير عنوان التسليم إلى المكتب.",
        "كانت الخدمة ممتازة، شكرا على الرد السريع!",
        "توقف المصباح عن العمل بعد ثلاثة أيام.",
        "لم أستلم حتى الآن تأكيد الطلب.",
    )),
    LanguageTexts("Japanese", "East Asian", ("shift_jis", "euc_jp", "iso2022_jp"), (
        "荷物がまだ届きません。先週注文しました。",
        "破れたコートの返金をお願いします。",
        "ログインしようとするとアプリが落ちます。",
        "なぜ二回も請求されたのですか。",
        "配送先を大阪の事務所に変更したいです。",
        "対応がとても良かったです。ありがとうございました。",
        "電球は三日で切れてしまいました。",
        "注文の確認メールがまだ来ていません。",
    )),
    LanguageTexts("Chinese (simplified)", "East Asian", ("gbk", "gb18030"), (
        "我的包裹在哪里？我一个星期前订的。",
        "请退还损坏的大衣的钱。",
        "我登录的时候应用程序总是崩溃。",
        "为什么扣了两次款？",
        "我想把送货地址改到上海的办公室。",
        "服务非常好，谢谢你们的快速回复！",
        "灯泡只用了三天就坏了。",
        "我还没有收到订单确认邮件。",
    )),
    LanguageTexts("Chinese (traditional)", "East Asian", ("big5",), (
        "我的包裹在哪裡？我一個星期前訂的。",
        "請退還損壞的大衣的錢。",
        "我登入的時候應用程式總是當掉。",
        "為什麼扣了兩次款？",
        "我想把送貨地址改到臺北的辦公室。",
        "服務非常好，謝謝你們的快速回覆！",
        "燈泡只用了三天就壞了。",
        "我還沒有收到訂單確認郵件。",
    )),
    LanguageTexts("Korean", "East Asian", ("euc_kr", "cp949"), (
        "제 소포는 어디에 있나요? 일주일 전에 주문했습니다.",
        "손상된 외투의 환불을 요청합니다.",
        "로그인하려고 하면 앱이 멈춥니다.",
        "왜 금액이 두 번 청구되었나요?",
        "배송지를 부산 사무실로 바꾸고 싶습니다.",
        "서비스가 훌륭했습니다. 빠른 답변 감사합니다!",
        "전구가 사흘 만에 나갔습니다.",
        "아직 주문 확인 메일을 받지 못했습니다.",
    )),
    LanguageTexts("German", "Western", WESTERN, (
        "Wo bleibt mein Paket? Ich habe es vor einer Woche für meine Mutter bestellt.",
        "Ich möchte mein Geld für den beschädigten Mantel zurück.",
        "Die App stürzt ab, wenn ich mich anmelden will.",
        "Warum wurde der Betrag doppelt abgebucht? Das ist ärgerlich.",
        "Bitte ändern Sie die Lieferadresse auf das Büro in Köln.",
        "Der Service war großartig, vielen Dank für die schnelle Antwort!",
        "Die Glühbirne ging schon nach drei Tagen kaputt.",
        "Ich habe noch keine Bestätigung meiner Bestellung erhalten.",
    )),
    LanguageTexts("French", "Western", WESTERN, (
        "Où est mon colis ? Je l'ai commandé il y a une semaine.",
        "Je demande le remboursement du manteau abîmé.",
        "L'application plante dès que j'essaie de me connecter.",
        "Pourquoi le montant a-t-il été prélevé deux fois ?",
        "J'aimerais changer l'adresse de livraison à Orléans.",
        "Le service était très bien, merci de votre réponse rapide !",
        "L'ampoule a grillé après trois jours à peine.",
        "Je n'ai pas encore reçu la confirmation, ça m'inquiète.",
    )),
    LanguageTexts("Spanish", "Western", WESTERN, (
        "¿Dónde está mi paquete? Lo pedí hace una semana.",
        "Solicito la devolución del dinero por el abrigo dañado.",
        "La aplicación se cierra cuando intento iniciar sesión.",
        "¿Por qué me han cobrado dos veces? Espero una explicación.",
        "Quisiera cambiar la dirección de entrega a la oficina de León.",
        "El servicio fue buenísimo, ¡gracias por la rápida respuesta!",
        "La bombilla se fundió después de sólo tres días.",
        "Todavía no he recibido la confirmación, mañana llamaré.",
    )),
    LanguageTexts("Portuguese", "Western", WESTERN, (
        "Onde está a minha encomenda? Já a pedi há uma semana.",
        "Peço a devolução do dinheiro pelo casaco danificado, não serve.",
        "A aplicação vai abaixo quando tento iniciar sessão.",
        "Porque é que o valor foi cobrado duas vezes? Não percebo.",
        "Gostaria de mudar a morada de entrega para o escritório de Évora.",
        "O serviço foi ótimo, muito obrigado pela resposta rápida, até à próxima!",
        "A lâmpada deixou de funcionar ao fim de três dias.",
        "Ainda não recebi a confirmação, será que alguém pode verificar?",
    )),
    LanguageTexts("Italian", "Western", WESTERN, (
        "Dov'è il mio pacco? L'ho ordinato una settimana fa e non è arrivato.",
        "Chiedo il rimborso del cappotto danneggiato, perché così non è utilizzabile.",
        "L'applicazione si blocca quando provo ad accedere: non funziona più.",
        "Perché l'importo è stato addebitato due volte?",
        "Vorrei cambiare l'indirizzo di consegna, è possibile?",
        "Il servizio è stato ottimo, grazie della rapidità!",
        "La lampadina si è bruciata dopo appena tre giorni, che qualità!",
        "Non ho ancora ricevuto la conferma, può verificare?",
    )),
    LanguageTexts("Danish", "Western", WESTERN, (
        "Hvor er min pakke? Jeg bestilte den for en uge siden, og den er ikke nået frem.",
        "Jeg ønsker pengene tilbage for den ødelagte frakke.",
        "Appen går ned, når jeg prøver at logge på.",
        "Hvorfor er beløbet trukket to gange? Det er ærgerligt.",
        "Jeg vil gerne ændre leveringsadressen til kontoret i Århus.",
        "Betjeningen var rigtig god, tak for det hurtige svar på spørgsmålet!",
        "Pæren holdt op med at lyse efter tre døgn.",
        "Jeg har endnu ikke fået nogen bekræftelse på købet.",
    )),
    LanguageTexts("Swedish", "Western", WESTERN, (
        "Var är mitt paket? Jag beställde det för en vecka sedan.",
        "Jag vill ha pengarna tillbaka för den förstörda rocken.",
        "Appen kraschar när jag försöker logga in på kontot.",
        "Varför drogs beloppet två gånger från mitt kort?",
        "Jag skulle vilja ändra leveransadressen till Malmö.",
        "Servicen var jättebra, tack för det snabba svaret på frågan!",
        "Glödlampan slocknade redan efter tre dagar, dålig kvalité.",
        "Jag har ännu inte fått någon bekräftelse på köpet.",
    )),
    LanguageTexts("Finnish", "Western", WESTERN, (
        "Missä pakettini on? Tilasin sen jo viikko sitten, eikä se ole perillä.",
        "Pyydän rahoja takaisin vioittuneesta takista, käyttökelvoton.",
        "Sovellus kaatuu aina, kun yritän kirjautua sisään tililleni.",
        "Miksi summa veloitettiin kahdesti? Tämä on väärin.",
        "Haluaisin vaihtaa toimitusosoitteen Jyväskylään, kiitän etukäteen.",
        "Palvelu oli erittäin hyvää, kiitos nopeasta vastauksesta, tämä ilahdutti!",
        "Lamppu sammui jo kolmen päivän jälkeen, pettymys jäi.",
        "En ole vielä saanut vahvistusta tilauksesta, tarkistaisitteko tämän?",
    )),
)  # fmt: skip
"""The languages; `region` groups them in reports."""
