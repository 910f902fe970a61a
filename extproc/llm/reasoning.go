package llm

// Budgets in tokens that stand for the words of effort, for vendors that count
// instead. They lie in the middle of what vendors document for their own
// levels (Gemini API "Thinking", Anthropic "Extended thinking").
var efforts = []struct {
	word   string
	budget int64
}{
	{"minimal", 1024},
	{"low", 2048},
	{"medium", 8192},
	{"high", 24576},
	{"xhigh", 49152},
	{"max", 65536},
}

// MinBudget is the least budget that vendors take, in tokens.
const MinBudget = 1024

// BudgetTokens is how many tokens of thinking are asked for: the budget
// itself, or what the effort stands for. It leaves room for an answer within
// most tokens of output (0 = no limit known). False if nothing is asked for,
// or no thinking at all; see Off.
func (r Reasoning) BudgetTokens(most int64) (int64, bool) {
	budget, ok := r.Budget.Get()
	if !ok {
		budget, ok = r.effortBudget()
	}
	if !ok || budget <= 0 {
		return 0, false
	}
	if most > 0 && budget >= most {
		// Four fifths for thinking: an answer that is all thought is none.
		budget = most * 4 / 5
	}
	return max(budget, MinBudget), true
}

func (r Reasoning) effortBudget() (int64, bool) {
	word, told := r.Effort.Get()
	if !told {
		if r.Enabled.Or(false) {
			word = "medium"
		} else {
			return 0, false
		}
	}
	for _, e := range efforts {
		if e.word == word {
			return e.budget, true
		}
	}
	return 0, false
}

// EffortWord is the effort asked for in words: the word itself, or the one
// whose budget is nearest to the budget from above. "none" if thinking is
// switched off, "" if nothing is said.
func (r Reasoning) EffortWord() string {
	if word, ok := r.Effort.Get(); ok {
		return word
	}
	if r.Off() {
		return "none"
	}
	budget, ok := r.Budget.Get()
	if !ok {
		if r.Enabled.Or(false) {
			return "medium"
		}
		return ""
	}
	if budget < 0 {
		return "medium" // Gemini's dynamic thinking: the model decides
	}
	for _, e := range efforts {
		if budget <= e.budget {
			return e.word
		}
	}
	return efforts[len(efforts)-1].word
}

// Off tells whether thinking is switched off explicitly.
func (r Reasoning) Off() bool {
	if word, ok := r.Effort.Get(); ok {
		return word == "none"
	}
	if n, ok := r.Budget.Get(); ok {
		return n == 0
	}
	on, told := r.Enabled.Get()
	return told && !on
}
