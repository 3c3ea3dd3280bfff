"""The words of many prompts and of all ideas: what the families' tokenizers learn their merges from.

A word that a tokenizer does not know takes several of a prompt's 77 places.
"""

WORDS = """
a an the of in on at by with and or to from for under over near very no not one two three
portrait photo picture painting drawing sketch oil watercolor pencil ink poster icon style art
woman man girl boy person people face hair eyes hand smile old young child king queen knight
cat dog fox bird horse wolf bear lion fish dragon robot astronaut wizard
city street house castle tower bridge room kitchen garden forest tree flower mountain hill river lake sea ocean
beach island desert field sky cloud rain snow storm fog sun moon star night day morning evening winter summer
spring autumn light shadow golden fire water ice stone wood glass metal gold silver
red orange yellow green blue purple pink brown black white gray dark bright warm cold soft sharp blurry
beautiful detailed quality high low realistic cinematic dramatic abstract colorful vintage modern fantasy
car train ship boat plane bicycle book window door table chair cup hat coat dress wearing holding standing
sitting walking looking flying bad ugly deformed text watermark
above aesthetic after against ahead air along amber among amused amusement anamorphic angle apron arms around
atmosphere attentive available awning back backdrop background backlight balmy band bar bare bearing before behind
below belted beside between blazer bleached blinds blowing blown blurred bold bootlace both braces breath breeze broad
brooding bulb bulbs business but butterfly caf call calm camel camera campaign candid candlelight cap cardigan cards
carrying centre charcoal checked cheeks chest chunky clean clear close closely clothes cloudless clouds club cockpit
coconut coffee collar collecting coloured colours comic composition concentration concert confetti confident contented
contrast cool corner corporate corridor cotton counter court cream crew crisp cropped curious cut damp dappled dawn
daydreaming daylight dealing deck deep defiant delicate denim depth desk detached determined diffuse dim directional
disposable distance documentary doorway dough dreamy drifting drinking dull dusk dusted dusty earth eaves edge
editorial empty european even every everywhere expectant expedition expired expression eye eyebrow fabrics facing
faded faint fallen falling fashion fast film fine fireworks fitting flannel flash flat flickering flight focus focused
folded food foreground format framed framing freckles fresh front frost full gathering gaze gazing gelatin gentle
genuine giant glow glowing grain graphic grass grey grin guitar gutters half hall hands hard harsh haze hazy head heat
heavy helmet hint hip homesick hooded hopeful hotel hour hours houses hung hurry hut icicles inspired instant intimate
into jacket jazz joke jumper key kneading knit knitted lamp lamplight lamps lantern large laughing layered leading
leaf leaning leather leaves lemons length level lighting lights lined linen lines listening log long look loose
loosened loud magazine many market medium melancholy merino midday midnight mild milky mirroring mischievous mist
moment monochrome mood moonlight mossy music muted natural navy nearby neck neon neutral newsroom nobody noir novel
off office open out outdoor outfit oven overcast overcoat overhead oversized pale panel paper parasol park particular
party passing pastry path patiently pausing peeling petals phone plain planet playful plenty pockets pool posing print
private proud puddles quarter quay quietly rainy raised reading relaxed rembrandt restaurant rim rink rising roll
rolled rolling rose round rubbing rule running salt sand saturated scarf screens sculptural serene set shade shadows
shaking shallow sharply shimmering shirt shirtsleeves shop short shoulder shoulders side silk single skate slatted
sleeved sleeves slicing slide slight small smart smiling snapshot sodium somebody space spacecraft spilling split
sport sports spray stack stage stall starlight station steam steely steps stiff still stop stove straight
straightening straw streaked striding strings striped strolling strong structured studio suit sunlight sunset surface
symmetrical tailored taking tall telephoto tender tense textured thick thin thirds thoughtful through tie tight
tightly tilt toned tones top towards towel training tram travel trench tugging tune tunic turning tying umbrella
unbleached velvet view viewer visible voice waist waistcoat waiting wall walled warming washes watercolour waxed way
weary wedding wet wide wind windows wistful without wonder wool woollen worn writing
"""
