"""Short forms of first names and what they are short for: common knowledge, in English and Spanish.

A short form gets the long form's tokens too, never instead of its own.
"""

_SHORT = """
abigail: abby abbie gail
albert: al bert
alberto: beto
alejandra: ale
alejandro: alex ale
alexander: alex alec xander sasha
alexandra: alex alexa sandra lexi sasha
alfred: al fred alfie
alfredo: fredo
allison: allie ally
amanda: mandy
andrea: andie
andrew: andy drew
angela: angie
anthony: tony
antonia: toni
antonio: tony tono
arthur: art artie
barbara: barb barbie babs
beatriz: betty
benjamin: ben benny
bernard: bernie
beverly: bev
bradley: brad
brandon: brandy
caroline: carrie
catherine: cathy cat kate katie cate
charles: charlie chuck chaz
charlotte: lottie
christina: chris christy tina chrissy
christine: chris chrissy tina
christopher: chris kit topher
clifford: cliff
clifton: cliff
cynthia: cindy
daniel: dan danny
david: dave davey
deborah: deb debbie
debra: deb debbie
dolores: lola
donald: don donnie
dorothy: dot dottie dolly
douglas: doug
eduardo: lalo
edward: ed eddie ted ned
eleanor: ellie nora nell
elizabeth: liz lizzie beth betty betsy eliza libby
emily: em
enrique: kike
eugene: gene
evelyn: evie
florence: flo
frances: fran frannie
francis: frank
francisca: paca
francisco: paco pancho frank cisco
franklin: frank
frederick: fred freddie rick
gabriel: gabe
gabriela: gaby
gerald: gerry jerry
gerardo: jerry
gilbert: gil
gregory: greg
guadalupe: lupe lupita
guillermo: memo
harold: harry hal
helen: nell
henry: hank harry
howard: howie
ignacio: nacho
isabel: isa
isabella: bella izzy
jacob: jake
jacqueline: jackie
james: jim jimmy jamie
janet: jan
jeffrey: jeff
jennifer: jen jenny jenn
jeremiah: jerry
jerome: jerry
jesus: chuy
jessica: jess jessie
joan: joanie
john: jack johnny jon
jonathan: jon jonny
jorge: george
jose: pepe joe
joseph: joe joey
josephine: jo josie
joshua: josh
juan: john
judith: judy
julia: julie
karen: kari
katherine: kate kathy katie kat kathie kitty
kathleen: kathy kate katie
kenneth: ken kenny
kimberly: kim
lawrence: larry
leonard: len lenny leo
leonardo: leo
leroy: roy
lillian: lily
luis: lucho
manuel: manny manolo
margaret: maggie meg peggy marge margie rita
margarita: rita
maria: mari mary
mario: marito
martha: marty
martin: marty
matthew: matt
maureen: mo
maxwell: max
megan: meg
melissa: missy mel lissa
michael: mike mikey mick micky
michelle: shelly
miguel: mike
mildred: millie
mitchell: mitch
nancy: nan
nathan: nate
nathaniel: nate nat
nicholas: nick nicky
nicole: nicki nikki
norman: norm
olivia: liv
oscar: ozzie
pamela: pam
patricia: pat patty tricia trish paty
patrick: pat paddy
peter: pete
philip: phil
phillip: phil
priscilla: cilla
rafael: rafa
ramon: moncho
randall: randy
raymond: ray
rebecca: becky becca
regina: gina
ricardo: ricky
richard: rick dick rich richie ricky
robert: bob bobby rob robbie bert
roberta: bobbie
roberto: beto
rodney: rod
rodolfo: rudy
ronald: ron ronnie
rosario: chayo
rosemary: rose rosie
russell: russ
samantha: sam sammie
samuel: sam sammy
sandra: sandy
sara: sally
sarah: sally sadie
sharon: shari
solomon: sol
stanley: stan
stephanie: steph stephie
stephen: steve
steven: steve
susan: sue susie suzy
teresa: terry tere tess
terrence: terry
theodore: ted teddy theo
theresa: terry tess tessa
thomas: tom tommy
timothy: tim timmy
valerie: val
vanessa: nessa
veronica: ronnie vero
victor: vic
victoria: vicky tori vicki
vincent: vince vinny
virginia: ginny
walter: walt wally
wesley: wes
william: bill billy will willie liam
yolanda: yoli
zachary: zach zack
"""


def _by_short_form() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _SHORT.split("\n"):
        long, _, shorts = line.partition(": ")
        for short in shorts.split():
            found.setdefault(short, []).append(long)
    return {short: tuple(longs) for short, longs in found.items()}


# Of each short form, all that it may be short for.
FORMAL = _by_short_form()
