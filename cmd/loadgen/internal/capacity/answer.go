package capacity

// A Verdict says what kind of answer there is for an arm.
type Verdict string

const (
	Found            Verdict = "found"             // it holds at some rates and fails at others: the capacity is within Low and High
	HoldsAtMost      Verdict = "holds-throughout"  // no rate failed: the capacity is Holds or more
	FailsAtLeast     Verdict = "fails-throughout"  // no rate held: the capacity is below Fails; Holds is 0
	GeneratorLimited Verdict = "generator-limited" // the generator ran out before the target: it surely holds at Holds, more is not known
	Undecided        Verdict = "undecided"         // no probe said anything of the target
)

// An Answer is what the evidence so far says.
type Answer struct {
	Arms []Arm `json:"arms"` // in the order of Options.Arms
}

// An Arm is the answer for one arm. Low <= Holds <= High, in calls a second. They are
// the capacity and its 95% interval if the verdict is Found, else a bound, all three alike.
type Arm struct {
	Arm              string `json:"arm"`
	Verdict          Verdict
	Holds, Low, High float64

	Precise     bool    // the interval is as narrow as Options.Precision asks
	Confirmed   float64 // the rate, at the low end of the interval, that held in a probe three times as long; 0: none did
	Fails       float64 // the lowest rate, at High or above, that was seen to fail; 0: none
	Limited     string  // why probes said nothing of the target, if any
	NotMonotone string  // two rates of which the lower one fails and the higher one holds, in words; empty: none
	Resource    string  // what ran out in most of the probes that failed
	Probes      int

	// Taken is the share of the capacity of the first arm that this one takes, if both
	// are Found and this is not the first.
	Taken *Share
}

// A Share is a part of 1, with its 95% interval. It is below 0 where the arm carries more.
type Share struct{ Share, Low, High float64 }
